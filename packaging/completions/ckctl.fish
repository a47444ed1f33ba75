# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ckctl_global_optspecs
    string join \n o/output= json columns= sort= no-legend no-pager socket= h/help V/version
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

complete -c ckctl -n "__fish_ckctl_needs_command" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_needs_command" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_needs_command" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_needs_command" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_needs_command" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_needs_command" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_needs_command" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_needs_command" -s V -l version -d 'Print version'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "list" -d 'List sessions (also without a verb)'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "show" -d 'Show everything that is known about a session'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "users" -d 'List users who have a session or linger'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "seats" -d 'List the seats'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "activate" -d 'Bring a session to the foreground of its seat, by switching to its virtual terminal'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "terminate" -d 'End sessions: SIGTERM to their leaders, and SIGKILL five seconds later'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "lock" -d 'Ask the programs of the owners of sessions to lock them'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "unlock" -d 'Ask the programs of the owners of sessions to unlock them'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "history" -d 'Show past and open sessions, the newest first'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "linger" -d 'Keep runtime directories of users without a session'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "status" -d 'Show the state of the broker, and what needs attention'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "teardown" -d 'Show runtime directories that are being removed, or could not be'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "doctor" -d 'Check this machine: PAM, sshd, the broker and what it needs, and say what to do'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "watch" -d 'Show every event as it happens, until interrupted'
complete -c ckctl -n "__fish_ckctl_needs_command" -f -a "help" -d 'Show this help, or the help of a verb'
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l user -d 'Show all sessions of a user, by name or uid' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand users" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand users" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand users" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand users" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand users" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand users" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand users" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand users" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand seats" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand seats" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand seats" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand seats" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand seats" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand seats" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand seats" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand seats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand activate" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand activate" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand activate" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand activate" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand activate" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand activate" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand activate" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand activate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -l user -d 'All sessions of a user, by name or uid' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand lock" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand lock" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand lock" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand lock" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand lock" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand lock" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand lock" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand lock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand unlock" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand unlock" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand unlock" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand unlock" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand unlock" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand unlock" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand unlock" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand unlock" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l since -d 'Only sessions that were open at this time or later: "2026-11-01", "2026-11-01 08:30", "08:30", "yesterday", "2h"' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -s n -l limit -d 'Only the last N sessions' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l file -d 'The file of the history, if history.file in broker.toml(5) names another one' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -f -a "on" -d 'Keep the runtime directory of a user without a session, also after a boot'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -f -a "off" -d 'Remove the runtime directory of a user with the last session'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and not __fish_seen_subcommand_from on off list" -f -a "list" -d 'List the users who linger'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from off" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from off" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from off" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from off" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from off" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from off" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from off" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from off" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from list" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from list" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from list" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from list" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from list" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from list" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from list" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l metrics -d 'Print OpenMetrics text, for the textfile collector of node_exporter'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -f -a "list" -d 'List all teardowns that are not finished'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and not __fish_seen_subcommand_from list retry" -f -a "retry" -d 'Try again to remove quarantined directories (root and administrators only)'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand doctor" -l login -d 'Log this user in and out again, by PAM, without a password: a real session, with its hooks, its line in the history and all that other modules do (root only)' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand doctor" -l service -d 'The PAM service of that login' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand doctor" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand doctor" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand doctor" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand doctor" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand doctor" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand doctor" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand doctor" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand watch" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand watch" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand watch" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand watch" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand watch" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand watch" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand watch" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c ckctl -n "__fish_ckctl_using_subcommand help" -s o -l output -d 'The form of what is printed; csv is for lists' -r -f -a "table\t'Aligned columns'
json\t'JSON, as docs/JSON.md describes it'
csv\t'Comma-separated values (RFC 4180), for lists'"
complete -c ckctl -n "__fish_ckctl_using_subcommand help" -l columns -d 'Show only these columns of a list, in this order' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand help" -l sort -d 'Sort a list by this column' -r
complete -c ckctl -n "__fish_ckctl_using_subcommand help" -l socket -d 'The socket of the broker' -r -F
complete -c ckctl -n "__fish_ckctl_using_subcommand help" -l json -d 'The same as -o json: an array for a list, one object a line for watch and history, else an object'
complete -c ckctl -n "__fish_ckctl_using_subcommand help" -l no-legend -d 'Print lists without the heading and the count'
complete -c ckctl -n "__fish_ckctl_using_subcommand help" -l no-pager -d 'Has no effect, because ckctl starts no pager; for scripts that were written for loginctl'
complete -c ckctl -n "__fish_ckctl_using_subcommand help" -s h -l help -d 'Print help (see more with \'--help\')'
function __fish_ckctl_sessions
    ckctl list --no-legend --columns session,user,service 2>/dev/null | string replace -r ' +' \t
end
function __fish_ckctl_teardowns
    ckctl teardown list --no-legend --columns teardown,directory 2>/dev/null | string replace -r ' +' \t
end
function __fish_ckctl_users
    ckctl users --no-legend --columns user 2>/dev/null
    __fish_complete_users
end
complete -c ckctl -n "__fish_ckctl_using_subcommand activate terminate lock unlock show" -f -a "(__fish_ckctl_sessions)"
complete -c ckctl -n "__fish_ckctl_using_subcommand list users show history" -f -a "(__fish_ckctl_users)"
complete -c ckctl -n "__fish_ckctl_using_subcommand linger; and __fish_seen_subcommand_from on off" -f -a "(__fish_ckctl_users)"
complete -c ckctl -n "__fish_ckctl_using_subcommand terminate show" -l user -x -a "(__fish_ckctl_users)"
complete -c ckctl -n "__fish_ckctl_using_subcommand doctor" -l login -x -a "(__fish_ckctl_users)"
complete -c ckctl -n "__fish_ckctl_using_subcommand teardown; and __fish_seen_subcommand_from retry" -f -a "(__fish_ckctl_teardowns)"
