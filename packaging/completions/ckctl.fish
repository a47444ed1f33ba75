# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ckctl_global_optspecs
    string join \n json no-legend socket= h/help V/version
end

function __fish_ckctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ckctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ckctl_using_subcommand
    set -l cmd (__fish_ckctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ckctl -n "__fish_ckctl_needs_command" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_needs_command" -l json -d 'Print JSON: an array for a list, an object otherwise'
complete -c ckctl -n "__fish_ckctl_needs_command" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_needs_command" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_needs_command" -s V -l version -d 'Print version'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "list" -d 'List all sessions (what happens without a verb)'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "show" -d 'Show all that is known of one session'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "status" -d 'Show how the broker is, and whether all is well'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "teardown" -d 'Show what waits to be torn down, or could not be'
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -l json -d 'Print JSON: an array for a list, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l json -d 'Print JSON: an array for a list, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l metrics -d 'Print OpenMetrics text, for the textfile collector of node_exporter'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l json -d 'Print JSON: an array for a list, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -l json -d 'Print JSON: an array for a list, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -f -a "list" -d 'List all teardowns that are not finished'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -f -a "retry" -d 'Have teardowns that were given up tried again (root only)'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -l json -d 'Print JSON: an array for a list, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -l json -d 'Print JSON: an array for a list, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
