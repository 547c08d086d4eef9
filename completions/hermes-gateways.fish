# fish completion of hermes-gateways, generated: `hermes-profiles completion fish` prints it.

function __hermes_gateways_at --description 'Whether the cursor is after a command: PATH [FIRST [LAST]] (word positions)'
    set -l words (commandline -opc)
    set -e words[1]
    set -l path
    set -l known ' start' ' stop' ' restart' ' run' ' status' ' list' ' upgrade-check' ' logs' ' events' ' history' ' metrics' ' install' ' uninstall' ' stage' ' print' ' move' ' reset' ' watch' ' enable' ' disable' ' group' ' awake' ' render' ' render kubernetes' ' alert' ' alert add' ' alert list' ' alert test' ' alert mute' ' alert remove' ' place' ' place add' ' place list' ' place show' ' place check' ' place share-key' ' place claim' ' place remove'
    while set -q words[1]
        contains -- "$path $words[1]" $known
        or break
        set path "$path $words[1]"
        set -e words[1]
    end
    test "$path" = "$argv[1]"
    or return
    set -q argv[2]
    or return 0
    set -l place 0
    set -l values
    switch $path
        case ' start'
            set values --except --group --owner --on-conflict --jobs --stagger --timeout --place --manager --home
        case ' stop'
            set values --except --group --jobs --timeout --place --manager --home
        case ' restart'
            set values --except --group --owner --on-conflict --jobs --stagger --timeout --place --manager --home
        case ' run'
            set values --except --group --health --grace --inherit --owner --on-conflict --jobs --stagger --timeout --color --home
        case ' status'
            set values --except --group --interval --place --color --manager --home
        case ' list'
            set values --except --group --place --color --manager --home
        case ' upgrade-check'
            set values --manager --home
        case ' logs'
            set values --except --group --lines -n --since --until --level --grep --place --color --home
        case ' events'
            set values --except --group --lines -n --since --place --color --manager --home
        case ' history'
            set values --since --color --manager --home
        case ' metrics'
            set values --except --group --textfile --listen --manager --home
        case ' install'
            set values --except --group --memory --cpu --env --log-dir --python --boot-stagger --timeout --manager --home
        case ' uninstall'
            set values --except --group --manager --home
        case ' stage'
            set values --except --group --memory --cpu --env --log-dir --python --boot-stagger --manager --home
        case ' print'
            set values --memory --cpu --env --log-dir --python --manager --home
        case ' move'
            set values --to --from --as --group --team --source-is-dead --timeout --manager --home
        case ' reset'
            set values --except --group --timeout --manager --home
        case ' watch'
            set values --manager --home
        case ' enable'
            set values --manager --home
        case ' disable'
            set values --manager --home
        case ' group'
            set values --remove --home
        case ' awake'
            set values --manager --home
        case ' render kubernetes'
            set values --image --output -o --from --name --namespace --timezone --memory --storage --storage-class --access-mode --env-secret --group --home
        case ' alert add'
            set values --webhook --exec --apprise --hermes --heartbeat --after --quiet --limit --every --only --place --home
        case ' alert list'
            set values --place --home
        case ' alert test'
            set values --place --home
        case ' alert mute'
            set values --for --place --home
        case ' alert remove'
            set values --place --home
        case ' place add'
            set values --ssh --kubernetes --local --context --root --home
        case ' place list'
            set values --home
        case ' place show'
            set values --home
        case ' place check'
            set values --timeout --image --home
        case ' place share-key'
            set values --home
        case ' place claim'
            set values --home
        case ' place remove'
            set values --home
    end
    while set -q words[1]
        if contains -- $words[1] $values
            set -e words[1]
        else if not string match -q -- '-*' $words[1]
            set place (math $place + 1)
        end
        set -e words[1]
    end
    test $place -ge $argv[2]
    and test $place -le $argv[-1]
end

function __hermes_gateways_ask --description 'Names from the disk'
    set -l words (commandline -opc)
    set -l asked hermes-gateways
    if string match -q -- '/*' $words[1]; and test -x $words[1]
        set asked $words[1]
    end
    type -q $asked
    or return
    # The words of the command are not names that are given already.
    set -l from (math 2 + $argv[2])
    set -l current (commandline -ct | string replace -r -- '^--[a-z-]+=' '')
    string match -q -- '-*' $current
    or command $asked __complete fish $argv[1] $words[$from..-1] "$current" 2>/dev/null
end

function __hermes_gateways_folders
    __fish_complete_directories (commandline -ct | string replace -r -- '^--[a-z-]+=' '')
end

complete -c hermes-gateways -f

complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a start -d 'Start gateways; one that runs is left alone'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a stop -d 'Stop gateways; no manager restarts them, and none counts as failed'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a restart -d 'Restart the running gateways, all in parallel; a named one that is stopped is started'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a run -d 'Run gateways in the foreground under the bundled supervisord, with all their logs on stdout'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a status -d 'Show every gateway: state, process, memory, restarts, channels'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a list -d 'List the gateways: profile, state, process, service'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a upgrade-check -d 'Show which Hermes serves this root, what `hermes update` will do to its services, and what it left'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a logs -d 'Show what gateways write, all profiles in order of time, without their secrets'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a events -d 'Show what happened to the gateways and their channels: when, from which state to which, why, and who asked for it'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a history -d 'Show what happened to one gateway: uptime of each day, restarts, the longest outage, and a plot of the hours'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a metrics -d 'Print the metrics of the fleet as OpenMetrics text: states, restarts, memory, CPU, channels, conflicts, disk'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a install -d 'Write the service of every gateway and load it; a second run changes nothing'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a uninstall -d 'Stop gateways and remove their services; the profiles stay'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a stage -d 'Write the services\' files and load nothing'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a print -d 'Print the files of a profile\'s service, for any manager, on any platform'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a move -d 'Move profiles to another place: stop, copy, compare, start there, and see them connected; or all back'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a reset -d 'Recover a stuck gateway: unload its service, end the old process, clear stale files, start again'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a watch -d 'Watch the gateways: a service of its own logs each change of state for `events` and `history`'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a enable -d 'Include profiles in fleet commands again, and start them at boot or login'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a disable -d 'Exclude profiles from fleet commands without deleting them; they do not start at boot'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a group -d 'Put profiles into a group for `--group`; without profiles, show its members; alone, list the groups'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a awake -d 'Keep this machine awake while gateways run: it ends when the last one stops'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a render -d 'Write the files of a root for another engine'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a alert -d 'Send a message when a gateway is down, and when it works again'
complete -c hermes-gateways -n '__hermes_gateways_at \'\' 0' -a place -d 'Hermes roots on other hosts, in clusters and in other folders'
complete -c hermes-gateways -n '__hermes_gateways_at \'\'' -l version -d 'Print the version and exit.'
complete -c hermes-gateways -n '__hermes_gateways_at \'\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' start\' 0 999' -k -a '(__hermes_gateways_ask stopped 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l owner -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'The profile that keeps a shared channel.'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l on-conflict -x -a 'mask refuse ignore' -d 'Where two profiles hold one identity or port: switch the channel off in the later one, refuse to start it, or start it all the same.'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l jobs -x -d 'At most N at a time (default: all).'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l stagger -x -d 'Seconds between two starts (default: by count).'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l timeout -x -d 'How long one gateway may take to come up.'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l force -d 'Do it although it would be refused for safety.'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l place -x -k -a '(__hermes_gateways_ask places 1)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' start\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' stop\' 0 999' -k -a '(__hermes_gateways_ask running 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' stop\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stop\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stop\'' -l jobs -x -d 'At most N at a time (default: all).'
complete -c hermes-gateways -n '__hermes_gateways_at \' stop\'' -l timeout -x -d 'How long a stop may take before the process is killed.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stop\'' -l force -d 'Do it although it would be refused for safety.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stop\'' -s y -l yes -d 'Do not ask.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stop\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stop\'' -l place -x -k -a '(__hermes_gateways_ask places 1)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stop\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stop\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stop\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stop\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' restart\' 0 999' -k -a '(__hermes_gateways_ask running 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l owner -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'The profile that keeps a shared channel.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l on-conflict -x -a 'mask refuse ignore' -d 'Where two profiles hold one identity or port: switch the channel off in the later one, refuse to start it, or start it all the same.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l jobs -x -d 'At most N at a time (default: all).'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l stagger -x -d 'Seconds between two starts (default: by count).'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l timeout -x -d 'How long one gateway may take to come up.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l force -d 'Do it although it would be refused for safety.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l rolling -d 'One after the other, each up before the next; a failure ends it.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l start-stopped -d 'Also start stopped ones that are not named.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l stale -d 'Only those that run older code than the installed Hermes, as after an update.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -s y -l yes -d 'Do not ask.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l place -x -k -a '(__hermes_gateways_ask places 1)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' restart\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' run\' 0 999' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l health -x -d 'Serve /healthz and /metrics; 127.0.0.1 without a host.'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l grace -x -d 'How long a stop may take before gateways are killed.'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l inherit -x -d 'Pass this variable on to the gateways; `PREFIX*` and `*` for many.'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l owner -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'The profile that keeps a shared channel.'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l on-conflict -x -a 'mask refuse ignore' -d 'Where two profiles hold one identity or port: switch the channel off in the later one, refuse to start it, or start it all the same.'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l jobs -x -d 'At most N at a time (default: all).'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l stagger -x -d 'Seconds between two starts (default: by count).'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l timeout -x -d 'How long one gateway may take to come up.'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l color -x -a 'auto always never' -d 'Colour the states (auto: on a terminal).'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' run\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' status\' 0 999' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -l quick -d 'Do not query the API servers.'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -l ignore-degraded -d 'Exit 0 also when a gateway runs without one of its channels.'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -s w -l watch -d 'Show it live until q is pressed.'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -l interval -x -d 'Seconds between two updates (2).'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -l check -d 'Only ask whether the bundled supervisord answers: for probes of pods.'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -l place -x -k -a '(__hermes_gateways_ask places 1)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -l wide -d 'Show all columns, however narrow the terminal is.'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -l color -x -a 'auto always never' -d 'Colour the states (auto: on a terminal).'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' status\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' list\' 0 999' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' list\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' list\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' list\'' -l place -x -k -a '(__hermes_gateways_ask places 1)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-gateways -n '__hermes_gateways_at \' list\'' -l wide -d 'Show all columns, however narrow the terminal is.'
complete -c hermes-gateways -n '__hermes_gateways_at \' list\'' -l color -x -a 'auto always never' -d 'Colour the states (auto: on a terminal).'
complete -c hermes-gateways -n '__hermes_gateways_at \' list\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' list\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' list\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' list\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' upgrade-check\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' upgrade-check\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' upgrade-check\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' upgrade-check\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' logs\' 0 999' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -s f -l follow -d 'Go on with what is written; Ctrl-C ends it.'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -s n -l lines -x -d 'The last N records of all together (50; with --since all of them).'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -l since -x -d 'From then on: 10m, 2h, 1d (ago), 2026-11-21T10:00 or 10:00.'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -l until -x -d 'Up to then.'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -l level -x -a 'debug info warning error critical' -d 'debug, info, warning, error, critical; and above.'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -l error -d 'Errors alone, wherever they were written: short for --level error.'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -l grep -x -d 'Records whose text or logger matches.'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -s i -l ignore-case -d 'Ignore case in --grep.'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -l place -x -k -a '(__hermes_gateways_ask places 1)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -l color -x -a 'auto always never' -d 'Colour the states (auto: on a terminal).'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' logs\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' events\' 0 999' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' events\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' events\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' events\'' -s f -l follow -d 'Go on with what happens; Ctrl-C ends it.'
complete -c hermes-gateways -n '__hermes_gateways_at \' events\'' -s n -l lines -x -d 'The last N events (50; with --since all of them).'
complete -c hermes-gateways -n '__hermes_gateways_at \' events\'' -l since -x -d 'From then on: 10m, 2h, 1d (ago), 2026-11-21T10:00 or 10:00.'
complete -c hermes-gateways -n '__hermes_gateways_at \' events\'' -l place -x -k -a '(__hermes_gateways_ask places 1)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-gateways -n '__hermes_gateways_at \' events\'' -l color -x -a 'auto always never' -d 'Colour the states (auto: on a terminal).'
complete -c hermes-gateways -n '__hermes_gateways_at \' events\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' events\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' events\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' events\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' history\' 0 0' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' history\'' -l since -x -d 'From then on (7d): 12h, 30d (ago), 2026-11-21.'
complete -c hermes-gateways -n '__hermes_gateways_at \' history\'' -l color -x -a 'auto always never' -d 'Colour the states (auto: on a terminal).'
complete -c hermes-gateways -n '__hermes_gateways_at \' history\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' history\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' history\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' history\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' metrics\' 0 999' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' metrics\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' metrics\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' metrics\'' -l doctor -d 'With the findings of the doctor (served: of the last five minutes).'
complete -c hermes-gateways -n '__hermes_gateways_at \' metrics\'' -l quick -d 'Do not query the API servers.'
complete -c hermes-gateways -n '__hermes_gateways_at \' metrics\'' -l textfile -r -F -d 'Write them to this file for node_exporter; it ends in .prom.'
complete -c hermes-gateways -n '__hermes_gateways_at \' metrics\'' -l listen -x -d 'Serve /metrics and /healthz in the foreground; 127.0.0.1 without a host.'
complete -c hermes-gateways -n '__hermes_gateways_at \' metrics\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' metrics\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' metrics\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' metrics\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' install\' 0 999' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l memory -x -d 'Memory limit, such as 512M (systemd).'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l cpu -x -d 'CPU limit, 100% is one core (systemd).'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l env -x -d 'One more variable for the gateway; without a value it is taken over from the manager. No secrets: they belong in `.env`.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l log-dir -x -a '(__hermes_gateways_folders)' -d 'Folder for output where there is no journal.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l python -r -F -d 'The Python that runs Hermes, when it is not found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l start -d 'Also start them.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l enable -d 'Whether they start at boot or login (default: as it is; new ones do).'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l no-enable -d 'Whether they start at boot or login (default: as it is; new ones do).'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l boot-stagger -x -d 'Seconds between two gateways at boot or login.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l timeout -x -d 'How long one gateway may take to come up.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l system -d 'Print the system unit and what an administrator runs; write nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l force -d 'Overwrite a file changed by hand or of another root; also for a served profile.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' install\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' uninstall\' 0 999' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' uninstall\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' uninstall\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' uninstall\'' -s y -l yes -d 'Do not ask.'
complete -c hermes-gateways -n '__hermes_gateways_at \' uninstall\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' uninstall\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' uninstall\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' uninstall\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' uninstall\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' stage\' 0 999' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l memory -x -d 'Memory limit, such as 512M (systemd).'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l cpu -x -d 'CPU limit, 100% is one core (systemd).'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l env -x -d 'One more variable for the gateway; without a value it is taken over from the manager. No secrets: they belong in `.env`.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l log-dir -x -a '(__hermes_gateways_folders)' -d 'Folder for output where there is no journal.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l python -r -F -d 'The Python that runs Hermes, when it is not found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l boot-stagger -x -d 'Seconds between two gateways at boot or login.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l force -d 'Overwrite a file changed by hand or of another root; also for a served profile.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' stage\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' print\' 0 0' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' print\'' -l memory -x -d 'Memory limit, such as 512M (systemd).'
complete -c hermes-gateways -n '__hermes_gateways_at \' print\'' -l cpu -x -d 'CPU limit, 100% is one core (systemd).'
complete -c hermes-gateways -n '__hermes_gateways_at \' print\'' -l env -x -d 'One more variable for the gateway; without a value it is taken over from the manager. No secrets: they belong in `.env`.'
complete -c hermes-gateways -n '__hermes_gateways_at \' print\'' -l log-dir -x -a '(__hermes_gateways_folders)' -d 'Folder for output where there is no journal.'
complete -c hermes-gateways -n '__hermes_gateways_at \' print\'' -l python -r -F -d 'The Python that runs Hermes, when it is not found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' print\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' print\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' print\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' print\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' move\' 0 999' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -l to -x -k -a '(__hermes_gateways_ask place 1)' -d 'The place that gets them; `local` is this root.'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -l from -x -k -a '(__hermes_gateways_ask place 1)' -d 'The place where they live (default: this root, or where they moved to).'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -l as -x -d 'The name that the default profile gets in the other place.'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -l team -x -k -a '(__hermes_gateways_ask team 1)' -d 'A team: its lead and its members.'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -l take-back -d 'End an unfinished move: the profiles live here again.'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -l source-is-dead -x -d 'The place where the profile lives is gone for good: make the copy here the profile. Type the name again.'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -l timeout -x -d 'How long one gateway may take to come up.'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' move\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' reset\' 0 999' -k -a '(__hermes_gateways_ask running 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' reset\'' -l except -x -k -a '(__hermes_gateways_ask gateway 1)' -d 'Leave this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' reset\'' -l group -x -k -a '(__hermes_gateways_ask group 1)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' reset\'' -l timeout -x -d 'How long one gateway may take to come up.'
complete -c hermes-gateways -n '__hermes_gateways_at \' reset\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' reset\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' reset\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' reset\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' reset\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' watch\' 0 0' -a 'on off status'
complete -c hermes-gateways -n '__hermes_gateways_at \' watch\'' -l force -d 'Write over a file that is not ours or was changed.'
complete -c hermes-gateways -n '__hermes_gateways_at \' watch\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' watch\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' watch\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' watch\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' watch\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' enable\' 0 999' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' enable\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' enable\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' enable\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' enable\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' enable\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' disable\' 0 999' -k -a '(__hermes_gateways_ask gateway 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' disable\'' -l now -d 'Also stop their gateways.'
complete -c hermes-gateways -n '__hermes_gateways_at \' disable\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' disable\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' disable\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' disable\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' disable\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' group\' 0 0' -k -a '(__hermes_gateways_ask group 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' group\' 1 999' -k -a '(__hermes_gateways_ask member 1)'
complete -c hermes-gateways -n '__hermes_gateways_at \' group\'' -l remove -x -k -a '(__hermes_gateways_ask member 1)' -d 'Take this profile out.'
complete -c hermes-gateways -n '__hermes_gateways_at \' group\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' group\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' group\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' group\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' awake\' 0 0' -a 'on off status'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -l lid -d 'Linux: closing the lid does not send it to sleep either.'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -l idle -d 'macOS: no idle sleep (caffeinate -i); the default.'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -l no-idle -d 'macOS: no idle sleep (caffeinate -i); the default.'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -l display -d 'macOS: also keep the display on (caffeinate -d).'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -l disk -d 'macOS: also keep disks awake (caffeinate -m).'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -l system -d 'macOS: no sleep at all on mains power (caffeinate -s).'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -l linger -d 'Linux: also have this user\'s services run without a login.'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -l force -d 'Write over a file that is not ours or was changed.'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' awake\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' render\' 0' -a kubernetes -d 'Write a Kustomize base and a Dockerfile for a pod that runs all gateways of this root, or of a group'
complete -c hermes-gateways -n '__hermes_gateways_at \' render\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l image -x -d 'The image that the pod runs, with its digest.'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -s o -l output -x -a '(__hermes_gateways_folders)' -d 'The folder of the files.'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l from -x -d 'What the Dockerfile builds on (default: the image of Hermes).'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l name -x -d 'Name of the objects (default: of the group or root).'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l namespace -x -d 'Namespace (default: of kubectl\'s context).'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l timezone -x -d 'Time zone of timed jobs (default: of this machine).'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l memory -x -d 'Request for one gateway (384Mi; 256Mi without channel SDKs).'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l storage -x -d 'Size of the volume.'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l storage-class -x -d 'Storage class (default: of the cluster).'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l access-mode -x -a 'ReadWriteOncePod ReadWriteOnce' -d 'The second where the storage class has no first.'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l env-secret -x -d 'A Secret of the cluster whose keys become variables.'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l group -x -k -a '(__hermes_gateways_ask group 2)' -d 'The profiles of this group.'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l force -d 'Overwrite a file of another program or one edited by hand.'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' render kubernetes\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' alert\' 0' -a add -d 'Send an alert when a gateway or channel is down, and one when it works again'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert\' 0' -a list -d 'List where alerts are sent, and whether they arrive; a secret in an address is not shown'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert\' 0' -a test -d 'Send a test message now, to all or to the named; exit 1 where one does not arrive'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert\' 0' -a mute -d 'Send no alert for some time'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert\' 0' -a remove -d 'Remove alerts, with what waits to be sent to them'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l webhook -x -d 'Send JSON to this URL; `-` reads the URL from stdin.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l exec -x -d 'Run this program; the text is its standard input.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l apprise -x -d 'A URL of Apprise: ntfy, Telegram, e-mail …; `-` reads it.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l hermes -x -d 'Send by `hermes send`, through this account.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l heartbeat -x -d 'Call this URL while the watcher lives; `-` reads it.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l after -x -d 'Send what lasts so long (1m); 30m for an escalation.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l quiet -x -d 'Send nothing in these hours; it is sent after.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l limit -x -d 'At most N messages an hour.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l every -x -d 'How often a heartbeat is called (5m).'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l only -x -k -a '(__hermes_gateways_ask gateway 2)' -d 'Only about this profile.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l place -x -k -a '(__hermes_gateways_ask places 2)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert add\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' alert list\'' -l place -x -k -a '(__hermes_gateways_ask places 2)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert list\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert list\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert list\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' alert test\' 0 999' -k -a '(__hermes_gateways_ask alert 2)'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert test\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert test\'' -l place -x -k -a '(__hermes_gateways_ask places 2)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert test\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert test\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert test\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' alert mute\' 0 999' -k -a '(__hermes_gateways_ask alert 2)'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert mute\'' -l for -x -d 'How long: 30m, 2h, 1d.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert mute\'' -l off -d 'Send again.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert mute\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert mute\'' -l place -x -k -a '(__hermes_gateways_ask places 2)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert mute\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert mute\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert mute\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' alert remove\' 0 999' -k -a '(__hermes_gateways_ask alert 2)'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert remove\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert remove\'' -l place -x -k -a '(__hermes_gateways_ask places 2)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert remove\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert remove\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' alert remove\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' place\' 0' -a add -d 'Add a place: a Hermes root on another host, in a cluster, or in another folder'
complete -c hermes-gateways -n '__hermes_gateways_at \' place\' 0' -a list -d 'List the places; `local` is the root of this command'
complete -c hermes-gateways -n '__hermes_gateways_at \' place\' 0' -a show -d 'Show one place, and the command that reaches it'
complete -c hermes-gateways -n '__hermes_gateways_at \' place\' 0' -a check -d 'Check places: do they answer, versions, file system, clock, linger; each fault with what fixes it'
complete -c hermes-gateways -n '__hermes_gateways_at \' place\' 0' -a share-key -d 'Give a place the key of the fleet again, as after a reinstallation: fingerprints are equal then'
complete -c hermes-gateways -n '__hermes_gateways_at \' place\' 0' -a claim -d 'Claim the bots of a place in its cluster: a second place with one of them is refused'
complete -c hermes-gateways -n '__hermes_gateways_at \' place\' 0' -a remove -d 'Remove places from the list'
complete -c hermes-gateways -n '__hermes_gateways_at \' place\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' place add\'' -l ssh -x -d 'A host, or a name of ~/.ssh/config.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place add\'' -l kubernetes -x -d 'The StatefulSet of a root in a cluster.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place add\'' -l local -x -a '(__hermes_gateways_folders)' -d 'Another root on this machine.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place add\'' -l context -x -d 'Of kubectl (default: its current one).'
complete -c hermes-gateways -n '__hermes_gateways_at \' place add\'' -l root -x -a '(__hermes_gateways_folders)' -d 'The Hermes root there (default: the usual one).'
complete -c hermes-gateways -n '__hermes_gateways_at \' place add\'' -l replace-key -d 'Give it our key of fingerprints, where it has that of another fleet.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place add\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place add\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place add\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place add\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' place list\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place list\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place list\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' place show\' 0 0' -k -a '(__hermes_gateways_ask place 2)'
complete -c hermes-gateways -n '__hermes_gateways_at \' place show\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place show\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place show\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' place check\' 0 999' -k -a '(__hermes_gateways_ask place 2)'
complete -c hermes-gateways -n '__hermes_gateways_at \' place check\'' -l timeout -x -d 'How long a place may take to answer.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place check\'' -l smoke -d 'Try the cluster of a place with a small pod in a namespace that is deleted then.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place check\'' -l image -x -d 'With --smoke: the image (default: of the place).'
complete -c hermes-gateways -n '__hermes_gateways_at \' place check\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place check\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place check\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place check\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' place share-key\' 0 0' -k -a '(__hermes_gateways_ask place 2)'
complete -c hermes-gateways -n '__hermes_gateways_at \' place share-key\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place share-key\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place share-key\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place share-key\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' place claim\' 0 0' -k -a '(__hermes_gateways_ask place 2)'
complete -c hermes-gateways -n '__hermes_gateways_at \' place claim\'' -l release -d 'Remove the claims of this place instead.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place claim\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place claim\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place claim\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place claim\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-gateways -n '__hermes_gateways_at \' place remove\' 0 999' -k -a '(__hermes_gateways_ask place 2)'
complete -c hermes-gateways -n '__hermes_gateways_at \' place remove\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place remove\'' -l home -x -a '(__hermes_gateways_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place remove\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-gateways -n '__hermes_gateways_at \' place remove\'' -s h -l help -d 'Show the help and exit.'
