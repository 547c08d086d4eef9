# bash completion of hermes-profiles; source it, or put it into ~/.local/share/bash-completion/completions/
_hermes_profiles() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "create clone list show use rename delete restore trash alias config env diff sync undo doctor repair explain catalog demo" -- "$current")
    elif [[ $previous == --clone-from || $previous == --profile || $previous == -p || $previous == --from || $previous == --to ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(hermes-profiles list --names 2>/dev/null)" -- "$current")
    elif [[ $command == trash ]]; then
        mapfile -t COMPREPLY < <(compgen -W "list empty" -- "$current")
    elif [[ $command == config ]]; then
        mapfile -t COMPREPLY < <(compgen -W "get set unset" -- "$current")
    elif [[ $command == env ]]; then
        mapfile -t COMPREPLY < <(compgen -W "list set unset" -- "$current")
    elif [[ $command == @(clone|show|use|rename|delete|alias|diff|doctor|repair) && $current != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(hermes-profiles list --names 2>/dev/null)" -- "$current")
    fi
}
complete -F _hermes_profiles hermes-profiles
