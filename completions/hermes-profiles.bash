# bash completion of hermes-profiles, generated: `hermes-profiles completion bash` prints it.
# It works with bash 3.2, which macOS has.

__hermes_profiles_at() { # PATH: set what can follow a command
    commands= options= values= arguments=
    case $1 in
        '')
            commands='create clone list show use connect rename delete restore alias export import diff sync doctor repair undo explain catalog completion demo trash backup team config env shim'
            options='--version --help' ;;
        'create')
            options='--clone-all --all --exclude-platform-credentials --strict-prefix --clone-channels --keep-platform-credentials --keep --drop --no-api-server --skip-unreadable --strict-shapes --no-alias --no-skills --description --clone --clone-from --dry-run --home --json --help'
            values=' --keep:text --drop:text --description:text --clone-from:profile --home:folder '
            arguments='text' ;;
        'clone')
            options='--clone-all --all --exclude-platform-credentials --strict-prefix --clone-channels --keep-platform-credentials --keep --drop --no-api-server --skip-unreadable --strict-shapes --no-alias --no-skills --description --connect --allow --api --offline --start --no-start --timeout --manager --dry-run --home --json --help'
            values=' --keep:text --drop:text --description:text --connect:channel --allow:text --api:text --timeout:text --manager:=systemd,launchd,supervisor --home:folder '
            arguments='profile text' ;;
        'list')
            options='--names --place --wide --color --home --json --help'
            values=' --place:places --color:=auto,always,never --home:folder ' ;;
        'show')
            options='--wide --color --home --json --help'
            values=' --color:=auto,always,never --home:folder '
            arguments='profile' ;;
        'use')
            options='--dry-run --home --json --help'
            values=' --home:folder '
            arguments='profile' ;;
        'connect')
            options='--allow --api --offline --start --no-start --timeout --dry-run --manager --home --json --help'
            values=' --allow:text --api:text --timeout:text --manager:=systemd,launchd,supervisor --home:folder '
            arguments='profile channel' ;;
        'rename')
            options='--dry-run --home --json --help'
            values=' --home:folder '
            arguments='named text' ;;
        'delete')
            options='--yes --dry-run --home --json --help'
            values=' --home:folder '
            arguments='named' ;;
        'restore')
            options='--as --dry-run --home --json --help'
            values=' --as:text --home:folder '
            arguments='trashed' ;;
        'alias')
            options='--name --remove --dry-run --home --json --help'
            values=' --name:text --home:folder '
            arguments='profile' ;;
        'export')
            options='--output --with-keys --with-identities --recipient --passphrase --passphrase-stdin --gzip --dry-run --home --json --help'
            values=' --output:file -o:file --recipient:text --home:folder '
            arguments='profile+' ;;
        'import')
            options='--as --key --passphrase-stdin --no-alias --dry-run --home --json --help'
            values=' --as:text --key:file --home:folder '
            arguments='file' ;;
        'diff')
            options='--all --keys --check --wide --color --home --json --help'
            values=' --keys:text --color:=auto,always,never --home:folder '
            arguments='profile profile' ;;
        'sync')
            options='--from --to --keys --env --exact --dry-run --home --json --help'
            values=' --from:profile --to:profiles --keys:text --env:text --home:folder ' ;;
        'doctor')
            options='--fix --only --skip --strict --verbose --list --yes --dry-run --place --color --manager --home --json --help'
            values=' --only:check --skip:check --place:places --color:=auto,always,never --manager:=systemd,launchd,supervisor --home:folder '
            arguments='profile+' ;;
        'repair')
            options='--owner --channel --yes --dry-run --manager --home --json --help'
            values=' --owner:owner --channel:login --manager:=systemd,launchd,supervisor --home:folder '
            arguments='profile+' ;;
        'undo')
            options='--list --dry-run --home --json --help'
            values=' --home:folder '
            arguments='change' ;;
        'explain')
            options='--profile --home --json --help'
            values=' --profile:profile -p:profile --home:folder '
            arguments='channel' ;;
        'catalog')
            options='--home --json --help'
            values=' --home:folder '
            arguments='channel' ;;
        'completion')
            options='--json --help'
            arguments='=bash,zsh,fish' ;;
        'demo')
            options='--keep --gateways --no-gateways --json --help' ;;
        'trash')
            commands='list empty'
            options='--help' ;;
        'trash list')
            options='--home --json --help'
            values=' --home:folder ' ;;
        'trash empty')
            options='--older-than --yes --dry-run --home --json --help'
            values=' --older-than:text --home:folder '
            arguments='trash+' ;;
        'backup')
            commands='create list verify restore timer'
            options='--help' ;;
        'backup create')
            options='--all --to --keep --recipient --passphrase --passphrase-stdin --dry-run --home --json --help'
            values=' --to:folder --keep:text --recipient:text --home:folder '
            arguments='profile+' ;;
        'backup list')
            options='--from --home --json --help'
            values=' --from:folder --home:folder '
            arguments='profile+' ;;
        'backup verify')
            options='--from --key --passphrase-stdin --home --json --help'
            values=' --from:folder --key:file --home:folder '
            arguments='profile+' ;;
        'backup restore')
            options='--as --from --key --passphrase-stdin --dry-run --home --json --help'
            values=' --as:text --from:folder --key:file --home:folder '
            arguments='profile' ;;
        'backup timer')
            options='--at --to --keep --recipient --dry-run --home --json --help'
            values=' --at:text --to:folder --keep:text --recipient:text --home:folder '
            arguments='=on,off,status' ;;
        'team')
            commands='create list show remove add import sync check run-mode'
            options='--help' ;;
        'team create')
            options='--lead --channel --members --share --dry-run --home --json --help'
            values=' --lead:profile --channel:channel --members:text --share:text --home:folder '
            arguments='text' ;;
        'team list')
            options='--home --json --help'
            values=' --home:folder ' ;;
        'team show')
            options='--home --json --help'
            values=' --home:folder '
            arguments='team' ;;
        'team remove')
            options='--team --all --keep-profile --yes --dry-run --home --json --help'
            values=' --team:team --home:folder '
            arguments='named+' ;;
        'team add')
            options='--team --account-id --base-url --user --allow --login --no-account --offline --description --dry-run --home --json --help'
            values=' --team:team --account-id:text --base-url:text --user:text --allow:text --description:text --home:folder '
            arguments='named' ;;
        'team import')
            options='--team --lead --channel --share --names --only --skip --skip-bad --dry-run --home --json --help'
            values=' --team:team --lead:profile --channel:channel --share:text --names:file --only:text --skip:text --home:folder '
            arguments='=openclaw,hermes,csv,json file' ;;
        'team sync')
            options='--own --not-own --dry-run --home --json --help'
            values=' --own:text --not-own:text --home:folder '
            arguments='team' ;;
        'team check')
            options='--home --json --help'
            values=' --home:folder '
            arguments='team' ;;
        'team run-mode')
            options='--yes --install --standalone --timeout --dry-run --manager --home --json --help'
            values=' --timeout:text --manager:=systemd,launchd,supervisor --home:folder '
            arguments='=multiplex,processes' ;;
        'config')
            commands='get set unset'
            options='--help' ;;
        'config get')
            options='--reveal --home --json --help'
            values=' --home:folder '
            arguments='profile text' ;;
        'config set')
            options='--string --dry-run --home --json --help'
            values=' --home:folder '
            arguments='profile text text+' ;;
        'config unset')
            options='--dry-run --home --json --help'
            values=' --home:folder '
            arguments='profile text' ;;
        'env')
            commands='list set unset'
            options='--help' ;;
        'env list')
            options='--home --json --help'
            values=' --home:folder '
            arguments='profile' ;;
        'env set')
            options='--empty --dry-run --home --json --help'
            values=' --home:folder '
            arguments='profile text' ;;
        'env unset')
            options='--dry-run --home --json --help'
            values=' --home:folder '
            arguments='profile text+' ;;
        'shim')
            commands='install remove plugin status'
            options='--help' ;;
        'shim install')
            options='--shell-setup --shell --dry-run --home --json --help'
            values=' --shell:=bash,zsh,fish --home:folder ' ;;
        'shim remove')
            options='--dry-run --home --json --help'
            values=' --home:folder ' ;;
        'shim plugin')
            options='--remove --dry-run --home --json --help'
            values=' --home:folder '
            arguments='profile+' ;;
        'shim status')
            options='--home --json --help'
            values=' --home:folder ' ;;
    esac
}

__hermes_profiles_offer() { # WORDS: add those that begin with the current word
    local each
    for each in $1; do
        if [[ $each == "$value"* ]]; then
            COMPREPLY[${#COMPREPLY[@]}]=$glue${each#"$cut"}
        fi
    done
}

__hermes_profiles_ask() { # KIND: add names from the disk
    local each asked=hermes-profiles
    [[ $called == /* && -x $called ]] && asked=$called
    type -P "$asked" >/dev/null || return
    while IFS= read -r each; do
        COMPREPLY[${#COMPREPLY[@]}]=$glue${each#"$cut"}
    done < <(command "$asked" __complete bash "$1" "${words[@]:first:last-first}" "$value" 2>/dev/null)
}

__hermes_profiles_path() { # KIND: complete a path by readline; bash 3.2 has no such option
    local each way=-f
    [[ $1 == folder ]] && way=-d
    if [[ $1 == folder ]]; then compopt -o dirnames 2>/dev/null && return
    else compopt -o default 2>/dev/null && return; fi
    while IFS= read -r each; do
        COMPREPLY[${#COMPREPLY[@]}]=$glue$(printf %q "$each")
    done < <(compgen $way -- "$value")
}

_hermes_profiles() {
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
    __hermes_profiles_at ''
    while ((at < last)); do
        word=${words[at]}
        ((at++))
        if [[ -n $commands ]]; then
            [[ $word == -* ]] && continue
            path=${path:+$path }$word first=$at
            __hermes_profiles_at "$path"
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
        __hermes_profiles_offer "$options"
        return 0
    elif [[ -z $kind && -n $commands ]]; then
        __hermes_profiles_offer "$commands"
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
        =*) kind=${kind#=}; __hermes_profiles_offer "${kind//,/ }" ;;
        channel) __hermes_profiles_offer 'telegram discord slack whatsapp whatsapp_cloud signal weixin feishu qqbot wecom wecom_callback yuanbao bluebubbles dingtalk email google_chat homeassistant irc line matrix mattermost ntfy photon raft simplex sms teams msgraph_webhook webhook api_server relay buzz a2a onebot'; __hermes_profiles_ask channel ;;
        login) __hermes_profiles_offer 'telegram discord slack whatsapp whatsapp_cloud signal weixin feishu qqbot wecom wecom_callback yuanbao bluebubbles dingtalk email google_chat homeassistant irc line matrix mattermost ntfy photon raft simplex sms teams msgraph_webhook webhook api_server relay buzz a2a onebot nous openai-codex xai-oauth minimax-oauth anthropic spotify MCP servers with OAuth honcho google workspace skill'; __hermes_profiles_ask channel ;;
        check) __hermes_profiles_offer 'conflicts security files teams services runtime places general conflicts.shared-identity conflicts.inherited-identity conflicts.inherited-api conflicts.foreign-session conflicts.shared-login conflicts.shared-port conflicts.port-twice conflicts.port-taken conflicts.held-elsewhere conflicts.moved conflicts.other-root conflicts.copied-credential conflicts.free-mask conflicts.cron-twice security.readable-secret security.open-api security.weak-key security.allow-all security.secret-in-unit security.foreign-owner security.stray-copy files.broken files.unreadable files.unwritable files.joined-keys files.readers-disagree files.real-default files.redirected files.repeated-key files.placeholder files.contradiction files.invalid-port files.ignored-port files.legacy-differs files.no-env files.bad-folder files.deleted-name files.ghost-folder files.nested-home files.sticky-gone files.orphan-alias files.newer-schema files.old-schema files.unknown-secret files.leftover-staging teams.no-pool teams.exposed-secret teams.foreign-secret teams.inherited-access teams.unread-approvals teams.broken-link teams.drift teams.no-sync services.orphan services.two-supervisors services.foreign services.name-clash services.no-interpreter services.no-home services.sticky-redirect services.no-user-bus services.manager-unreachable services.crash-loop services.start-limit services.last-exit services.unneeded services.skipped-by-multiplexer services.half-migrated services.fold-ahead services.not-running services.disabled-but-enabled services.hand-edited services.drifted services.not-reloaded services.path-lacks services.linger-off services.legacy-unit services.unread-unit services.topology services.standalone services.no-systemd services.not-adopted runtime.deaf runtime.failed-start runtime.silent runtime.swapped-homes runtime.two-gateways runtime.database runtime.disk runtime.inodes runtime.stale-lock runtime.stale-pid runtime.reused-pid runtime.bad-pid-file runtime.stale-marker runtime.start-storm runtime.old-code runtime.unsupervised runtime.open-files runtime.memory runtime.logs runtime.database-rows runtime.wal-filesystem runtime.journal-interrupted runtime.restart-interrupted runtime.journal-unreadable runtime.alert-failing runtime.alert-unwatched runtime.backup-failed runtime.backup-unwatched runtime.no-alert runtime.unknown-release runtime.unused-sdk runtime.database-unchecked places.shared-identity places.profile-twice places.clock places.version general.other-root general.unseen general.check-failed' ;;
        owner) 
            if [[ $value == *=* ]]; then __hermes_profiles_ask owner
            else
                compopt -o nospace 2>/dev/null
                __hermes_profiles_offer 'telegram= discord= slack= whatsapp= whatsapp_cloud= signal= weixin= feishu= qqbot= wecom= wecom_callback= yuanbao= bluebubbles= dingtalk= email= google_chat= homeassistant= irc= line= matrix= mattermost= ntfy= photon= raft= simplex= sms= teams= msgraph_webhook= webhook= api_server= relay= buzz= a2a= onebot= nous= openai-codex= xai-oauth= minimax-oauth= anthropic= spotify= MCP= servers= with= OAuth= honcho= google= workspace= skill='
            fi ;;
        file | folder) __hermes_profiles_path $kind ;;
        change | named | places | profile | profiles | team | trash | trashed) __hermes_profiles_ask $kind ;;
    esac
    return 0
}
complete -F _hermes_profiles hermes-profiles
