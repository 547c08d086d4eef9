# fish completion of hermes-profiles; put it into ~/.config/fish/completions/
complete -c hermes-profiles -f
complete -c hermes-profiles -n __fish_use_subcommand -a "create clone list show use rename delete restore trash alias config env diff sync undo doctor repair explain catalog demo"
complete -c hermes-profiles -n "__fish_seen_subcommand_from clone show use rename delete alias diff doctor repair" -a "(hermes-profiles list --names 2>/dev/null)"
complete -c hermes-profiles -l clone-from -x -a "(hermes-profiles list --names 2>/dev/null)"
complete -c hermes-profiles -l profile -x -a "(hermes-profiles list --names 2>/dev/null)"
complete -c hermes-profiles -l from -x -a "(hermes-profiles list --names 2>/dev/null)"
complete -c hermes-profiles -l to -x -a "(hermes-profiles list --names 2>/dev/null)"
complete -c hermes-profiles -n "__fish_seen_subcommand_from trash" -a "list empty"
complete -c hermes-profiles -n "__fish_seen_subcommand_from config" -a "get set unset"
complete -c hermes-profiles -n "__fish_seen_subcommand_from env" -a "list set unset"
