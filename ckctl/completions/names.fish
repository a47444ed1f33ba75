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
