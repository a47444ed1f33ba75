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
complete -c ckctl -n "__fish_ckctl_needs_command" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_needs_command" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_needs_command" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_needs_command" -s V -l version -d 'Print version'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "list" -d 'List all sessions (what happens without a verb)'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "show" -d 'Show all that is known of one session'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "users" -d 'List the users who are here'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "seats" -d 'List the seats'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "activate" -d 'Bring a session to the foreground of its seat, by switching to its virtual terminal'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "terminate" -d 'End sessions: by SIGTERM to their leaders, and five seconds later SIGKILL'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "lock" -d 'Ask the programs of sessions to lock them'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "unlock" -d 'Ask the programs of sessions to unlock them'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "history" -d 'Show who was logged in, the newest first'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "linger" -d 'Say who keeps a runtime directory without a session'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "status" -d 'Show how the broker is, and whether all is well'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "teardown" -d 'Show what waits to be torn down, or could not be'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "watch" -d 'Show who is here, then every change as it happens, until interrupted'
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand users" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand users" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand users" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand users" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand seats" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand seats" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand seats" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand seats" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand activate" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand activate" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand activate" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand activate" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -l user -d 'All sessions of a user, by name or uid' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand lock" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand lock" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand lock" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand lock" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand unlock" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand unlock" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand unlock" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand unlock" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l since -d 'Only who was here at some time since: "2026-11-01", "2026-11-01 08:30", "08:30", "yesterday", "2h"' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -s n -l limit -d 'Only the last so many' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l file -d 'The file, if the broker is configured to write another' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -f -a "on" -d 'Let a user keep the runtime directory without a session, from the system\'s start on'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -f -a "off" -d 'Let a user keep it no longer'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -f -a "list" -d 'List the users who linger'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from off" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from off" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from off" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from off" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from list" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from list" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from list" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l metrics -d 'Print OpenMetrics text, for the textfile collector of node_exporter'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -f -a "list" -d 'List all teardowns that are not finished'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -f -a "retry" -d 'Have teardowns that were given up tried again (root and administrators only)'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c ckctl -n "__fish_ckctl_using_subcommand watch" -l socket -d 'The broker\'s socket' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand watch" -l json -d 'Print JSON: an array for a list, an object a line for watch and the history, an object otherwise'
complete -c ckctl -n "__fish_ckctl_using_subcommand watch" -l no-legend -d 'Print tables without the head line and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
