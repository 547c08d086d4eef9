# bash completion of hermes-gateways; source it, or put it into ~/.local/share/bash-completion/completions/
_hermes_gateways() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "install start stop restart status list enable disable group reset print stage uninstall" -- "$current")
    elif [[ $previous == --except || $previous == --owner || $previous == --remove ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(hermes-profiles list --names 2>/dev/null)" -- "$current")
    elif [[ $previous == --manager ]]; then
        mapfile -t COMPREPLY < <(compgen -W "systemd launchd supervisor" -- "$current")
    elif [[ $previous == --on-conflict ]]; then
        mapfile -t COMPREPLY < <(compgen -W "mask refuse ignore" -- "$current")
    elif [[ $command == @(install|start|stop|restart|status|list|enable|disable|group|reset|print|stage|uninstall) && $current != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(hermes-profiles list --names 2>/dev/null)" -- "$current")
    fi
}
complete -F _hermes_gateways hermes-gateways
