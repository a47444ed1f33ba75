(( $+functions[_ckctl_sessions] )) ||
_ckctl_sessions() {
    local -a sessions
    sessions=(${(f)"$(_call_program sessions ckctl list --no-legend --columns session,user,service 2>/dev/null)"})
    sessions=(${sessions/ ##/:})
    _describe -t sessions 'session' sessions "$@"
}
(( $+functions[_ckctl_teardowns] )) ||
_ckctl_teardowns() {
    local -a teardowns
    teardowns=(${(f)"$(_call_program teardowns ckctl teardown list --no-legend --columns teardown,directory 2>/dev/null)"})
    teardowns=(${teardowns/ ##/:})
    _describe -t teardowns 'teardown' teardowns "$@"
}
(( $+functions[_ckctl_user_names] )) ||
_ckctl_user_names() {
    local -a here
    here=(${(f)"$(_call_program users ckctl users --no-legend --columns user 2>/dev/null)"})
    _alternative 'here:user who is here:compadd -a here' 'users:user:_users'
}
(( $+functions[_ckctl_sessions_and_users] )) ||
_ckctl_sessions_and_users() {
    _alternative 'sessions:session:_ckctl_sessions' 'users:user:_ckctl_user_names'
}

