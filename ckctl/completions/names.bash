# _ckctl_names KIND...: a line for each word of these kinds.
_ckctl_names() {
    local kind
    for kind in "$@"; do
        case $kind in
            sessions) ckctl list --no-legend --columns session 2>/dev/null ;;
            users) ckctl users --no-legend --columns user 2>/dev/null; compgen -u ;;
            teardowns) ckctl teardown list --no-legend --columns teardown 2>/dev/null ;;
        esac
    done | sort -u
}

# Completes ids and user names by what the broker has, and all else by _ckctl.
_ckctl_with_names() {
    _ckctl "$@"
    local cur=$2 option= word quoted i
    local -a words kinds
    [[ $cur != -* ]] || return 0
    for ((i = 1; i < COMP_CWORD; i++)); do
        option=
        case ${COMP_WORDS[i]} in
            --user | --login | --service | --columns | --sort | --socket | --output | -o | --since | --limit | -n | --file)
                # The next word is its value, also after the "=" that readline takes for a word.
                option=${COMP_WORDS[i]}
                ((++i))
                [[ ${COMP_WORDS[i]} != "=" ]] || ((++i))
                ((i >= COMP_CWORD)) || option=
                ;;
            -*) ;;
            *) words+=("${COMP_WORDS[i]}") ;;
        esac
    done
    case $option,${words[*]} in
        --user,* | --login,*) kinds=(users) ;;
        ,activate | ,terminate* | ,lock* | ,unlock*) kinds=(sessions) ;;
        ,show) kinds=(sessions users) ;;
        ,list | ,users | ,history | ",linger on" | ",linger off" | ",linger list") kinds=(users) ;;
        ",teardown retry") kinds=(teardowns) ;;
        *) return 0 ;;
    esac
    # The names of files are no answer.
    compopt +o bashdefault +o default 2>/dev/null
    [[ $cur != "=" ]] || cur=
    COMPREPLY=()
    while IFS= read -r word; do
        printf -v quoted %q "$word"
        [[ $word != "$cur"* && $quoted != "$cur"* ]] || COMPREPLY+=("$quoted")
    done < <(_ckctl_names "${kinds[@]}")
}

