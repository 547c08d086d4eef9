# bash completion of hermes-gateways, generated: `hermes-profiles completion bash` prints it.
# It works with bash 3.2, which macOS has.

__hermes_gateways_at() { # PATH: set what can follow a command
    commands= options= values= arguments=
    case $1 in
        '')
            commands='start stop restart run status list upgrade-check logs events history metrics install uninstall stage print move reset watch enable disable group awake render alert place'
            options='--version --help' ;;
        'start')
            options='--except --group --owner --on-conflict --jobs --stagger --timeout --force --dry-run --place --manager --home --json --help'
            values=' --except:gateway --group:group --owner:gateway --on-conflict:=mask,refuse,ignore --jobs:text --stagger:text --timeout:text --place:places --manager:=systemd,launchd,supervisor --home:folder '
            arguments='stopped+' ;;
        'stop')
            options='--except --group --jobs --timeout --force --yes --dry-run --place --manager --home --json --help'
            values=' --except:gateway --group:group --jobs:text --timeout:text --place:places --manager:=systemd,launchd,supervisor --home:folder '
            arguments='running+' ;;
        'restart')
            options='--except --group --owner --on-conflict --jobs --stagger --timeout --force --rolling --start-stopped --stale --yes --dry-run --place --manager --home --json --help'
            values=' --except:gateway --group:group --owner:gateway --on-conflict:=mask,refuse,ignore --jobs:text --stagger:text --timeout:text --place:places --manager:=systemd,launchd,supervisor --home:folder '
            arguments='running+' ;;
        'run')
            options='--except --group --health --grace --inherit --owner --on-conflict --jobs --stagger --timeout --color --home --json --help'
            values=' --except:gateway --group:group --health:text --grace:text --inherit:text --owner:gateway --on-conflict:=mask,refuse,ignore --jobs:text --stagger:text --timeout:text --color:=auto,always,never --home:folder '
            arguments='gateway+' ;;
        'status')
            options='--except --group --quick --ignore-degraded --watch --interval --check --place --wide --color --manager --home --json --help'
            values=' --except:gateway --group:group --interval:text --place:places --color:=auto,always,never --manager:=systemd,launchd,supervisor --home:folder '
            arguments='gateway+' ;;
        'list')
            options='--except --group --place --wide --color --manager --home --json --help'
            values=' --except:gateway --group:group --place:places --color:=auto,always,never --manager:=systemd,launchd,supervisor --home:folder '
            arguments='gateway+' ;;
        'upgrade-check')
            options='--manager --home --json --help'
            values=' --manager:=systemd,launchd,supervisor --home:folder ' ;;
        'logs')
            options='--except --group --follow --lines --since --until --level --error --grep --ignore-case --place --color --home --json --help'
            values=' --except:gateway --group:group --lines:text -n:text --since:text --until:text --level:=debug,info,warning,error,critical --grep:text --place:places --color:=auto,always,never --home:folder '
            arguments='gateway+' ;;
        'events')
            options='--except --group --follow --lines --since --place --color --manager --home --json --help'
            values=' --except:gateway --group:group --lines:text -n:text --since:text --place:places --color:=auto,always,never --manager:=systemd,launchd,supervisor --home:folder '
            arguments='gateway+' ;;
        'history')
            options='--since --color --manager --home --json --help'
            values=' --since:text --color:=auto,always,never --manager:=systemd,launchd,supervisor --home:folder '
            arguments='gateway' ;;
        'metrics')
            options='--except --group --doctor --quick --textfile --listen --manager --home --json --help'
            values=' --except:gateway --group:group --textfile:file --listen:text --manager:=systemd,launchd,supervisor --home:folder '
            arguments='gateway+' ;;
        'install')
            options='--except --group --memory --cpu --env --log-dir --python --start --enable --no-enable --boot-stagger --timeout --system --force --dry-run --manager --home --json --help'
            values=' --except:gateway --group:group --memory:text --cpu:text --env:text --log-dir:folder --python:file --boot-stagger:text --timeout:text --manager:=systemd,launchd,supervisor --home:folder '
            arguments='gateway+' ;;
        'uninstall')
            options='--except --group --yes --dry-run --manager --home --json --help'
            values=' --except:gateway --group:group --manager:=systemd,launchd,supervisor --home:folder '
            arguments='gateway+' ;;
        'stage')
            options='--except --group --memory --cpu --env --log-dir --python --boot-stagger --force --dry-run --manager --home --json --help'
            values=' --except:gateway --group:group --memory:text --cpu:text --env:text --log-dir:folder --python:file --boot-stagger:text --manager:=systemd,launchd,supervisor --home:folder '
            arguments='gateway+' ;;
        'print')
            options='--memory --cpu --env --log-dir --python --manager --home --json --help'
            values=' --memory:text --cpu:text --env:text --log-dir:folder --python:file --manager:=systemd,launchd,supervisor --home:folder '
            arguments='gateway' ;;
        'move')
            options='--to --from --as --group --team --take-back --source-is-dead --timeout --dry-run --manager --home --json --help'
            values=' --to:place --from:place --as:text --group:group --team:team --source-is-dead:text --timeout:text --manager:=systemd,launchd,supervisor --home:folder '
            arguments='gateway+' ;;
        'reset')
            options='--except --group --timeout --dry-run --manager --home --json --help'
            values=' --except:gateway --group:group --timeout:text --manager:=systemd,launchd,supervisor --home:folder '
            arguments='running+' ;;
        'watch')
            options='--force --dry-run --manager --home --json --help'
            values=' --manager:=systemd,launchd,supervisor --home:folder '
            arguments='=on,off,status' ;;
        'enable')
            options='--dry-run --manager --home --json --help'
            values=' --manager:=systemd,launchd,supervisor --home:folder '
            arguments='gateway+' ;;
        'disable')
            options='--now --dry-run --manager --home --json --help'
            values=' --manager:=systemd,launchd,supervisor --home:folder '
            arguments='gateway+' ;;
        'group')
            options='--remove --dry-run --home --json --help'
            values=' --remove:member --home:folder '
            arguments='group member+' ;;
        'awake')
            options='--lid --idle --no-idle --display --disk --system --linger --force --dry-run --manager --home --json --help'
            values=' --manager:=systemd,launchd,supervisor --home:folder '
            arguments='=on,off,status' ;;
        'render')
            commands='kubernetes'
            options='--help' ;;
        'render kubernetes')
            options='--image --output --from --name --namespace --timezone --memory --storage --storage-class --access-mode --env-secret --group --force --dry-run --home --json --help'
            values=' --image:text --output:folder -o:folder --from:text --name:text --namespace:text --timezone:text --memory:text --storage:text --storage-class:text --access-mode:=ReadWriteOncePod,ReadWriteOnce --env-secret:text --group:group --home:folder ' ;;
        'alert')
            commands='add list test mute remove'
            options='--help' ;;
        'alert add')
            options='--webhook --exec --apprise --hermes --heartbeat --after --quiet --limit --every --only --dry-run --place --home --json --help'
            values=' --webhook:text --exec:text --apprise:text --hermes:text --heartbeat:text --after:text --quiet:text --limit:text --every:text --only:gateway --place:places --home:folder '
            arguments='text' ;;
        'alert list')
            options='--place --home --json --help'
            values=' --place:places --home:folder ' ;;
        'alert test')
            options='--dry-run --place --home --json --help'
            values=' --place:places --home:folder '
            arguments='alert+' ;;
        'alert mute')
            options='--for --off --dry-run --place --home --json --help'
            values=' --for:text --place:places --home:folder '
            arguments='alert+' ;;
        'alert remove')
            options='--dry-run --place --home --json --help'
            values=' --place:places --home:folder '
            arguments='alert+' ;;
        'place')
            commands='add list show check share-key claim remove'
            options='--help' ;;
        'place add')
            options='--ssh --kubernetes --local --context --root --replace-key --dry-run --home --json --help'
            values=' --ssh:text --kubernetes:text --local:folder --context:text --root:folder --home:folder '
            arguments='text' ;;
        'place list')
            options='--home --json --help'
            values=' --home:folder ' ;;
        'place show')
            options='--home --json --help'
            values=' --home:folder '
            arguments='place' ;;
        'place check')
            options='--timeout --smoke --image --dry-run --home --json --help'
            values=' --timeout:text --image:text --home:folder '
            arguments='place+' ;;
        'place share-key')
            options='--dry-run --home --json --help'
            values=' --home:folder '
            arguments='place' ;;
        'place claim')
            options='--release --dry-run --home --json --help'
            values=' --home:folder '
            arguments='place' ;;
        'place remove')
            options='--dry-run --home --json --help'
            values=' --home:folder '
            arguments='place+' ;;
    esac
}

__hermes_gateways_offer() { # WORDS: add those that begin with the current word
    local each
    for each in $1; do
        if [[ $each == "$value"* ]]; then
            COMPREPLY[${#COMPREPLY[@]}]=$glue${each#"$cut"}
        fi
    done
}

__hermes_gateways_ask() { # KIND: add names from the disk
    local each asked=hermes-gateways
    [[ $called == /* && -x $called ]] && asked=$called
    type -P "$asked" >/dev/null || return
    while IFS= read -r each; do
        COMPREPLY[${#COMPREPLY[@]}]=$glue${each#"$cut"}
    done < <(command "$asked" __complete bash "$1" "${words[@]:first:last-first}" "$value" 2>/dev/null)
}

__hermes_gateways_path() { # KIND: complete a path by readline; bash 3.2 has no such option
    local each way=-f
    [[ $1 == folder ]] && way=-d
    if [[ $1 == folder ]]; then compopt -o dirnames 2>/dev/null && return
    else compopt -o default 2>/dev/null && return; fi
    while IFS= read -r each; do
        COMPREPLY[${#COMPREPLY[@]}]=$glue$(printf %q "$each")
    done < <(compgen $way -- "$value")
}

_hermes_gateways() {
    local IFS=$' \t\n' called=$1 line=$COMP_LINE words=() last=0 at=1 first=1 place=0 path= kind=
    local word value cut= glue= commands options values arguments
    [[ -n $line ]] && line=${line:0:COMP_POINT}
    local whole=$line
    COMPREPLY=()
    # Bash also splits words at `=` and `:`: join the parts again.
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ -n $whole && $last -gt 0 && $line != [[:space:]]* && ( -n $line || $whole != *[[:space:]] ) ]]; then
            ((last--))
            word=${words[last]}$word
            line=${words[last]}$line
        else
            line=${line#"${line%%[![:space:]]*}"}
        fi
        # At the cursor a word ends.
        [[ -n $whole && $line != "$word"* ]] && word=$line
        line=${line#"$word"}
        words[last]=$word
        ((last++))
    done
    ((last--))
    value=${words[last]}
    __hermes_gateways_at ''
    while ((at < last)); do
        word=${words[at]}
        ((at++))
        if [[ -n $commands ]]; then
            [[ $word == -* ]] && continue
            path=${path:+$path }$word first=$at
            __hermes_gateways_at "$path"
        elif [[ $word == -* ]]; then
            kind=${values#*" $word:"}
            [[ $kind == "$values" ]] && kind= || { kind=${kind%% *}; ((at++)); }
            ((at > last)) || kind=
        else
            ((place++))
        fi
    done
    if [[ -z $kind && $value == --*=* ]]; then
        word=${value%%=*} kind=${values#*" ${value%%=*}:"}
        [[ $kind == "$values" ]] && return 0
        kind=${kind%% *} value=${value#*=}
        [[ $COMP_WORDBREAKS == *=* ]] || glue=$word=
    elif [[ -z $kind && $value == -* ]]; then
        __hermes_gateways_offer "$options"
        return 0
    elif [[ -z $kind && -n $commands ]]; then
        __hermes_gateways_offer "$commands"
        return 0
    elif [[ -z $kind ]]; then
        for kind in $arguments; do
            [[ $place -eq 0 || $kind == *+ ]] && break
            ((place--))
            kind=
        done
        kind=${kind%+}
    fi
    [[ $COMP_WORDBREAKS == *=* && $value == *=* ]] && cut=${value%"${value##*=}"}
    case $kind in
        =*) kind=${kind#=}; __hermes_gateways_offer "${kind//,/ }" ;;
        file | folder) __hermes_gateways_path $kind ;;
        alert | gateway | group | member | place | places | running | stopped | team) __hermes_gateways_ask $kind ;;
    esac
    return 0
}
complete -F _hermes_gateways hermes-gateways
