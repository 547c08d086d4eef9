# fish completion of hermes-profiles, generated: `hermes-profiles completion fish` prints it.

function __hermes_profiles_at --description 'Whether the cursor is after a command: PATH [FIRST [LAST]] (word positions)'
    set -l words (commandline -opc)
    set -e words[1]
    set -l path
    set -l known ' create' ' clone' ' list' ' show' ' use' ' connect' ' rename' ' delete' ' restore' ' alias' ' export' ' import' ' diff' ' sync' ' doctor' ' repair' ' undo' ' explain' ' catalog' ' completion' ' demo' ' trash' ' trash list' ' trash empty' ' backup' ' backup create' ' backup list' ' backup verify' ' backup restore' ' backup timer' ' team' ' team create' ' team list' ' team show' ' team remove' ' team add' ' team import' ' team sync' ' team check' ' team run-mode' ' config' ' config get' ' config set' ' config unset' ' env' ' env list' ' env set' ' env unset' ' shim' ' shim install' ' shim remove' ' shim plugin' ' shim status'
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
        case ' create'
            set values --keep --drop --description --clone-from --home
        case ' clone'
            set values --keep --drop --description --connect --allow --api --timeout --manager --home
        case ' list'
            set values --place --color --home
        case ' show'
            set values --color --home
        case ' use'
            set values --home
        case ' connect'
            set values --allow --api --timeout --manager --home
        case ' rename'
            set values --home
        case ' delete'
            set values --home
        case ' restore'
            set values --as --home
        case ' alias'
            set values --name --home
        case ' export'
            set values --output -o --recipient --home
        case ' import'
            set values --as --key --home
        case ' diff'
            set values --keys --color --home
        case ' sync'
            set values --from --to --keys --env --home
        case ' doctor'
            set values --only --skip --place --color --manager --home
        case ' repair'
            set values --owner --channel --manager --home
        case ' undo'
            set values --home
        case ' explain'
            set values --profile -p --home
        case ' catalog'
            set values --home
        case ' trash list'
            set values --home
        case ' trash empty'
            set values --older-than --home
        case ' backup create'
            set values --to --keep --recipient --home
        case ' backup list'
            set values --from --home
        case ' backup verify'
            set values --from --key --home
        case ' backup restore'
            set values --as --from --key --home
        case ' backup timer'
            set values --at --to --keep --recipient --home
        case ' team create'
            set values --lead --channel --members --share --home
        case ' team list'
            set values --home
        case ' team show'
            set values --home
        case ' team remove'
            set values --team --home
        case ' team add'
            set values --team --account-id --base-url --user --allow --description --home
        case ' team import'
            set values --team --lead --channel --share --names --only --skip --home
        case ' team sync'
            set values --own --not-own --home
        case ' team check'
            set values --home
        case ' team run-mode'
            set values --timeout --manager --home
        case ' config get'
            set values --home
        case ' config set'
            set values --home
        case ' config unset'
            set values --home
        case ' env list'
            set values --home
        case ' env set'
            set values --home
        case ' env unset'
            set values --home
        case ' shim install'
            set values --shell --home
        case ' shim remove'
            set values --home
        case ' shim plugin'
            set values --home
        case ' shim status'
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

function __hermes_profiles_ask --description 'Names from the disk'
    set -l words (commandline -opc)
    set -l asked hermes-profiles
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

function __hermes_profiles_folders
    __fish_complete_directories (commandline -ct | string replace -r -- '^--[a-z-]+=' '')
end

function __hermes_profiles_channel
    printf '%s\t%s\n' \
        telegram 'One update poller (or one registered webhook) per bot token' \
        discord 'Discord accepts several gateway sessions of one bot' \
        slack 'Socket Mode accepts several connections of one app' \
        whatsapp 'The session directory is one linked device of a personal account' \
        whatsapp_cloud 'Meta delivers webhooks to the one URL registered for the app' \
        signal 'All gateways read the same signal-cli daemon stream of one phone number, so each copy would answer' \
        weixin 'One long-poll cursor and context-token set per iLink token' \
        feishu 'Long-connection mode spreads events over the live clients of one app' \
        qqbot 'One gateway websocket session per bot app' \
        wecom 'One websocket per smart-robot id' \
        wecom_callback 'WeCom posts callbacks to the one URL registered for the app' \
        yuanbao 'One websocket login per bot app key' \
        bluebubbles 'The server posts to every registered webhook, so each copy would answer' \
        dingtalk 'Stream mode spreads events over the live clients of one app' \
        email 'Two pollers of one mailbox both see unread mail and both answer, or hide mail from each other' \
        google_chat 'A Pub/Sub subscription hands each event to one puller' \
        homeassistant 'Every websocket client gets every state change, so each copy would act on it' \
        irc 'A nick can be logged in once per server' \
        line 'LINE delivers to the one webhook URL registered for the channel' \
        matrix 'Every sync client gets every event, so each copy would answer' \
        mattermost 'Every websocket session of the bot account gets every post, so each copy would answer' \
        ntfy 'Every subscriber of the topic gets every message, so each copy would answer' \
        photon 'One project and one inbound stream' \
        raft 'The raft profile is the agent account' \
        simplex 'All gateways read one local chat daemon, so each copy would answer' \
        sms 'Twilio posts to the one webhook of the number' \
        teams 'Bot Framework posts to the one messaging endpoint of the app' \
        msgraph_webhook 'A listener' \
        webhook 'Only a local listener and its shared secret' \
        api_server 'Only a local listener and its bearer key' \
        relay 'The gateway dials a connector with its own enrolled id and secret' \
        buzz 'Every subscriber of the relay gets every event of the key, so each copy would answer' \
        a2a 'A local listener with its tokens' \
        onebot 'One bridge drives one QQ account'
    __hermes_profiles_ask channel 0
end

function __hermes_profiles_login
    printf '%s\t%s\n' \
        telegram 'One update poller (or one registered webhook) per bot token' \
        discord 'Discord accepts several gateway sessions of one bot' \
        slack 'Socket Mode accepts several connections of one app' \
        whatsapp 'The session directory is one linked device of a personal account' \
        whatsapp_cloud 'Meta delivers webhooks to the one URL registered for the app' \
        signal 'All gateways read the same signal-cli daemon stream of one phone number, so each copy would answer' \
        weixin 'One long-poll cursor and context-token set per iLink token' \
        feishu 'Long-connection mode spreads events over the live clients of one app' \
        qqbot 'One gateway websocket session per bot app' \
        wecom 'One websocket per smart-robot id' \
        wecom_callback 'WeCom posts callbacks to the one URL registered for the app' \
        yuanbao 'One websocket login per bot app key' \
        bluebubbles 'The server posts to every registered webhook, so each copy would answer' \
        dingtalk 'Stream mode spreads events over the live clients of one app' \
        email 'Two pollers of one mailbox both see unread mail and both answer, or hide mail from each other' \
        google_chat 'A Pub/Sub subscription hands each event to one puller' \
        homeassistant 'Every websocket client gets every state change, so each copy would act on it' \
        irc 'A nick can be logged in once per server' \
        line 'LINE delivers to the one webhook URL registered for the channel' \
        matrix 'Every sync client gets every event, so each copy would answer' \
        mattermost 'Every websocket session of the bot account gets every post, so each copy would answer' \
        ntfy 'Every subscriber of the topic gets every message, so each copy would answer' \
        photon 'One project and one inbound stream' \
        raft 'The raft profile is the agent account' \
        simplex 'All gateways read one local chat daemon, so each copy would answer' \
        sms 'Twilio posts to the one webhook of the number' \
        teams 'Bot Framework posts to the one messaging endpoint of the app' \
        msgraph_webhook 'A listener' \
        webhook 'Only a local listener and its shared secret' \
        api_server 'Only a local listener and its bearer key' \
        relay 'The gateway dials a connector with its own enrolled id and secret' \
        buzz 'Every subscriber of the relay gets every event of the key, so each copy would answer' \
        a2a 'A local listener with its tokens' \
        onebot 'One bridge drives one QQ account' \
        nous 'a login that works once' \
        openai-codex 'a login that works once' \
        xai-oauth 'a login that works once' \
        minimax-oauth 'a login that works once' \
        anthropic 'a login that works once' \
        spotify 'a login that works once' \
        MCP servers with OAuth 'a login that works once' \
        honcho 'a login that works once' \
        google workspace skill 'a login that works once'
    __hermes_profiles_ask channel 0
end

function __hermes_profiles_check
    printf '%s\t%s\n' \
        conflicts 'all checks of conflicts' \
        security 'all checks of security' \
        files 'all checks of files' \
        teams 'all checks of teams' \
        services 'all checks of services' \
        runtime 'all checks of runtime' \
        places 'all checks of places' \
        general 'all checks of general' \
        conflicts.shared-identity 'shared bot or account' \
        conflicts.inherited-identity 'bot inherited from the environment' \
        conflicts.inherited-api 'API server opened by the environment' \
        conflicts.foreign-session 'session in another profile\'s home' \
        conflicts.shared-login 'shared single-use login' \
        conflicts.shared-port 'port claimed by several profiles' \
        conflicts.port-twice 'port claimed twice by one profile' \
        conflicts.port-taken 'port used by another process' \
        conflicts.held-elsewhere 'bot used by a gateway outside this root' \
        conflicts.moved 'profile that lives in another place' \
        conflicts.other-root 'bot shared with another root' \
        conflicts.copied-credential 'copied credential' \
        conflicts.free-mask 'mask whose conflict is over' \
        conflicts.cron-twice 'scheduled job in several profiles' \
        security.readable-secret 'secret readable by other users' \
        security.open-api 'listener without authentication' \
        security.weak-key 'missing or weak API server key' \
        security.allow-all 'channel open to everyone' \
        security.secret-in-unit 'secret in a service file or script' \
        security.foreign-owner 'file owned by another user' \
        security.stray-copy 'stray copy with secrets' \
        files.broken 'file with a syntax error' \
        files.unreadable 'unreadable file' \
        files.unwritable 'home that cannot be written' \
        files.joined-keys 'several variables on one line' \
        files.readers-disagree 'environment file with ambiguous lines' \
        files.real-default 'folder named like the default profile' \
        files.redirected 'variable that sends the gateway elsewhere' \
        files.repeated-key 'key set twice' \
        files.placeholder 'placeholder instead of a credential' \
        files.contradiction 'channel both enabled and disabled' \
        files.invalid-port 'port that no channel can listen on' \
        files.ignored-port 'port setting ignored by Hermes' \
        files.legacy-differs 'difference between gateway.json and config.yaml' \
        files.no-env 'missing .env' \
        files.bad-folder 'folder with an invalid profile name' \
        files.deleted-name 'folder of a deleted profile' \
        files.ghost-folder 'folder that is not a profile' \
        files.nested-home 'Hermes home inside a home' \
        files.sticky-gone 'missing sticky profile' \
        files.orphan-alias 'alias of a missing profile' \
        files.newer-schema 'configuration newer than Hermes' \
        files.old-schema 'configuration older than Hermes' \
        files.unknown-secret 'unknown variable that looks like a credential' \
        files.leftover-staging 'unfinished profile' \
        teams.no-pool 'team without a lead, or with several' \
        teams.exposed-secret 'secret in the files a team shares' \
        teams.foreign-secret 'secret of another team member' \
        teams.inherited-access 'access inherited from the default profile' \
        teams.unread-approvals 'approvals not read by the multiplexer' \
        teams.broken-link 'broken link to shared team files' \
        teams.drift 'member that differs from its lead' \
        teams.no-sync 'member that cannot be synced' \
        services.orphan 'service of a missing profile' \
        services.two-supervisors 'home with several services' \
        services.foreign 'service shared by two roots' \
        services.name-clash 'service name shared by several profiles' \
        services.no-interpreter 'service with a missing program' \
        services.no-home 'service with a missing folder' \
        services.sticky-redirect 'default service that starts another profile' \
        services.no-user-bus 'user service manager not running' \
        services.manager-unreachable 'unreachable service manager' \
        services.crash-loop 'gateway in a crash loop' \
        services.start-limit 'service stopped after too many starts' \
        services.last-exit 'failed gateway' \
        services.unneeded 'service of a profile that is served already' \
        services.skipped-by-multiplexer 'profile not served by the multiplexer' \
        services.half-migrated 'unfinished migration to one gateway' \
        services.fold-ahead 'services that the next update removes' \
        services.not-running 'stopped gateway with an enabled service' \
        services.disabled-but-enabled 'running gateway of a disabled profile' \
        services.hand-edited 'service edited by hand' \
        services.drifted 'outdated service' \
        services.not-reloaded 'service not reloaded after a change' \
        services.path-lacks 'program missing on the PATH of a service' \
        services.linger-off 'services that end with the session' \
        services.legacy-unit 'service name of an old Hermes release' \
        services.unread-unit 'unit in a folder that Hermes does not read' \
        services.topology 'multiplexer setting not yet in effect' \
        services.standalone 'gateway of its own by a temporary setting' \
        services.no-systemd 'services without their manager' \
        services.not-adopted 'service without the additions of hermes-profiles' \
        runtime.deaf 'channel not served by a running gateway' \
        runtime.failed-start 'failed gateway without a service' \
        runtime.silent 'unresponsive gateway' \
        runtime.swapped-homes 'home swapped or replaced while its gateway ran' \
        runtime.two-gateways 'home with several gateways' \
        runtime.database 'damaged database' \
        runtime.disk 'disk nearly full' \
        runtime.inodes 'disk with few free inodes' \
        runtime.stale-lock 'lock that keeps a gateway from starting' \
        runtime.stale-pid 'stale pid file' \
        runtime.reused-pid 'pid file with a reused pid' \
        runtime.bad-pid-file 'invalid pid file' \
        runtime.stale-marker 'stale marker file' \
        runtime.start-storm 'gateway started too often' \
        runtime.old-code 'gateway with outdated code' \
        runtime.unsupervised 'gateway without supervision' \
        runtime.open-files 'gateway close to its limit of open files' \
        runtime.memory 'gateway with high memory use' \
        runtime.logs 'large logs' \
        runtime.database-rows 'unreadable database rows' \
        runtime.wal-filesystem 'database on an unsuitable file system' \
        runtime.journal-interrupted 'interrupted change' \
        runtime.restart-interrupted 'interrupted restart' \
        runtime.journal-unreadable 'unreadable journal entry' \
        runtime.alert-failing 'alerts that do not arrive' \
        runtime.alert-unwatched 'alerts without a watcher' \
        runtime.backup-failed 'daily backup that fails' \
        runtime.backup-unwatched 'daily backup without a watcher' \
        runtime.no-alert 'no alert is set up' \
        runtime.unknown-release 'Hermes newer than this program knows' \
        runtime.unused-sdk 'library of a channel that no profile uses' \
        runtime.database-unchecked 'unchecked database' \
        places.shared-identity 'bot in two places' \
        places.profile-twice 'profile in two places' \
        places.clock 'clocks apart' \
        places.version 'versions apart' \
        general.other-root 'another root of this account' \
        general.unseen 'failed probe' \
        general.check-failed 'failed check'
end

function __hermes_profiles_owner
    if string match -q -- '*=*' (commandline -ct | string replace -r -- '^--[a-z-]+=' '')
        __hermes_profiles_ask owner 0
        return
    end
    printf '%s\t%s\n' \
        telegram= 'One update poller (or one registered webhook) per bot token' \
        discord= 'Discord accepts several gateway sessions of one bot' \
        slack= 'Socket Mode accepts several connections of one app' \
        whatsapp= 'The session directory is one linked device of a personal account' \
        whatsapp_cloud= 'Meta delivers webhooks to the one URL registered for the app' \
        signal= 'All gateways read the same signal-cli daemon stream of one phone number, so each copy would answer' \
        weixin= 'One long-poll cursor and context-token set per iLink token' \
        feishu= 'Long-connection mode spreads events over the live clients of one app' \
        qqbot= 'One gateway websocket session per bot app' \
        wecom= 'One websocket per smart-robot id' \
        wecom_callback= 'WeCom posts callbacks to the one URL registered for the app' \
        yuanbao= 'One websocket login per bot app key' \
        bluebubbles= 'The server posts to every registered webhook, so each copy would answer' \
        dingtalk= 'Stream mode spreads events over the live clients of one app' \
        email= 'Two pollers of one mailbox both see unread mail and both answer, or hide mail from each other' \
        google_chat= 'A Pub/Sub subscription hands each event to one puller' \
        homeassistant= 'Every websocket client gets every state change, so each copy would act on it' \
        irc= 'A nick can be logged in once per server' \
        line= 'LINE delivers to the one webhook URL registered for the channel' \
        matrix= 'Every sync client gets every event, so each copy would answer' \
        mattermost= 'Every websocket session of the bot account gets every post, so each copy would answer' \
        ntfy= 'Every subscriber of the topic gets every message, so each copy would answer' \
        photon= 'One project and one inbound stream' \
        raft= 'The raft profile is the agent account' \
        simplex= 'All gateways read one local chat daemon, so each copy would answer' \
        sms= 'Twilio posts to the one webhook of the number' \
        teams= 'Bot Framework posts to the one messaging endpoint of the app' \
        msgraph_webhook= 'A listener' \
        webhook= 'Only a local listener and its shared secret' \
        api_server= 'Only a local listener and its bearer key' \
        relay= 'The gateway dials a connector with its own enrolled id and secret' \
        buzz= 'Every subscriber of the relay gets every event of the key, so each copy would answer' \
        a2a= 'A local listener with its tokens' \
        onebot= 'One bridge drives one QQ account' \
        nous= 'a login that works once' \
        openai-codex= 'a login that works once' \
        xai-oauth= 'a login that works once' \
        minimax-oauth= 'a login that works once' \
        anthropic= 'a login that works once' \
        spotify= 'a login that works once' \
        MCP servers with OAuth= 'a login that works once' \
        honcho= 'a login that works once' \
        google workspace skill= 'a login that works once'
end

complete -c hermes-profiles -f

complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a create -d 'Create a profile, empty or as a clone'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a clone -d 'Clone a profile: models, tools, skills and persona; never a bot, an account or a device'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a list -d 'List the profiles of a root: model, gateway, channels, alias'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a show -d 'Show one profile: where it is, what it holds, which keys its files set (never their values)'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a use -d 'Make a profile the sticky default: what plain `hermes` starts from now on'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a connect -d 'Connect a profile to a channel with an account of its own'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a rename -d 'Rename a profile; its alias, its service and the sticky default follow'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a delete -d 'Stop a profile\'s gateway, remove its service and move it to the trash'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a restore -d 'Bring a deleted profile back from the trash, or put files back into theirs (by the id of their entry)'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a alias -d 'Make or remove the command that starts a profile, in ~/.local/bin'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a export -d 'Write profiles into one file that `import` takes in, here or on another machine'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a import -d 'Take in the profiles of a file; nothing is changed before every file in it is checked'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a diff -d 'Show the settings, variables, skills and persona in which two profiles differ'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a sync -d 'Carry named settings from one profile to others; comments stay, identities never travel'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a doctor -d 'Find faults between profiles: shared bots and ports, readable secrets, broken files and services'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a repair -d 'Remove copied bots: one profile keeps each bot, account, port and login'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a undo -d 'Take back the last change, or the one named; services follow'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a explain -d 'Show what a clone would do with one key, path, file or channel, and why; or what a check looks for'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a catalog -d 'Show what the catalogue knows: channels, their variables, ports and files'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a completion -d 'Print the completion script of both programs for a shell'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a demo -d 'Clone a profile with synthetic bot tokens in a sandbox, prove that none arrives, run real gateways'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a trash -d 'List or empty the trash of deleted profiles and files'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a backup -d 'Back up profiles, and restore them'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a team -d 'Teams: profiles that share one agent, each with its own account'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a config -d 'Show, set or remove one setting of a profile\'s config.yaml'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a env -d 'List, set or remove variables of a profile\'s .env; values are never shown'
complete -c hermes-profiles -n '__hermes_profiles_at \'\' 0' -a shim -d 'Put our `hermes` before the real one on PATH, remove it, or show its state'
complete -c hermes-profiles -n '__hermes_profiles_at \'\'' -l version -d 'Print the version and exit.'
complete -c hermes-profiles -n '__hermes_profiles_at \'\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l clone-all -d 'Copy all files but those tied to the source\'s process or identity, not the agent\'s alone.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l all -d 'Copy all files but those tied to the source\'s process or identity, not the agent\'s alone.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l exclude-platform-credentials -d 'Leave every channel\'s identity behind (the default).'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l strict-prefix -d 'Leave behind every key with a channel\'s prefix, options too.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l clone-channels -d 'Copy the channels too; two gateways will fight over them.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l keep-platform-credentials -d 'Copy the channels too; two gateways will fight over them.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l keep -x -d 'Keep this key (or config path) all the same.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l drop -x -d 'Leave this key (or config path) behind too.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l no-api-server -d 'Leave the API server off in the clone.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l skip-unreadable -d 'Leave files behind that cannot be read, instead of stopping.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l strict-shapes -d 'Refuse the clone when anything in it looks like an identity.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l no-alias -d 'Create no alias command for the profile.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l no-skills -d 'Create it without skills; Hermes adds none.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l description -x -d 'What the profile is for, in a sentence or two.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l clone -d 'Clone the profile in use: models, tools, skills, persona.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l clone-from -x -k -a '(__hermes_profiles_ask profile 1)' -d 'Clone this profile.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' create\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' clone\' 0 0' -k -a '(__hermes_profiles_ask profile 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l clone-all -d 'Copy all files but those tied to the source\'s process or identity, not the agent\'s alone.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l all -d 'Copy all files but those tied to the source\'s process or identity, not the agent\'s alone.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l exclude-platform-credentials -d 'Leave every channel\'s identity behind (the default).'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l strict-prefix -d 'Leave behind every key with a channel\'s prefix, options too.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l clone-channels -d 'Copy the channels too; two gateways will fight over them.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l keep-platform-credentials -d 'Copy the channels too; two gateways will fight over them.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l keep -x -d 'Keep this key (or config path) all the same.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l drop -x -d 'Leave this key (or config path) behind too.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l no-api-server -d 'Leave the API server off in the clone.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l skip-unreadable -d 'Leave files behind that cannot be read, instead of stopping.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l strict-shapes -d 'Refuse the clone when anything in it looks like an identity.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l no-alias -d 'Create no alias command for the profile.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l no-skills -d 'Create it without skills; Hermes adds none.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l description -x -d 'What the profile is for, in a sentence or two.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l connect -x -k -a '(__hermes_profiles_channel)' -d 'Give the clone an account of its own on this channel, checked before the clone is made.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l allow -x -d 'Ids of the users who may talk to it, separated by commas.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l api -x -d 'Address of the platform\'s API, where it is not the public one.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l offline -d 'Do not ask the platform which account the token belongs to.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l start -d 'Install and start its gateway, and wait until it is connected.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l no-start -d 'Install and start its gateway, and wait until it is connected.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l timeout -x -d 'How long one gateway may take to come up.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' clone\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' list\'' -l names -d 'Only the names, one on a line.'
complete -c hermes-profiles -n '__hermes_profiles_at \' list\'' -l place -x -k -a '(__hermes_profiles_ask places 1)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-profiles -n '__hermes_profiles_at \' list\'' -l wide -d 'Show all columns, however narrow the terminal is.'
complete -c hermes-profiles -n '__hermes_profiles_at \' list\'' -l color -x -a 'auto always never' -d 'Colour the states (auto: on a terminal).'
complete -c hermes-profiles -n '__hermes_profiles_at \' list\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' list\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' list\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' show\' 0 0' -k -a '(__hermes_profiles_ask profile 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' show\'' -l wide -d 'Show all columns, however narrow the terminal is.'
complete -c hermes-profiles -n '__hermes_profiles_at \' show\'' -l color -x -a 'auto always never' -d 'Colour the states (auto: on a terminal).'
complete -c hermes-profiles -n '__hermes_profiles_at \' show\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' show\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' show\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' use\' 0 0' -k -a '(__hermes_profiles_ask profile 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' use\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' use\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' use\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' use\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' connect\' 0 0' -k -a '(__hermes_profiles_ask profile 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' connect\' 1 1' -k -a '(__hermes_profiles_channel)'
complete -c hermes-profiles -n '__hermes_profiles_at \' connect\'' -l allow -x -d 'Ids of the users who may talk to it, separated by commas.'
complete -c hermes-profiles -n '__hermes_profiles_at \' connect\'' -l api -x -d 'Address of the platform\'s API, where it is not the public one.'
complete -c hermes-profiles -n '__hermes_profiles_at \' connect\'' -l offline -d 'Do not ask the platform which account the token belongs to.'
complete -c hermes-profiles -n '__hermes_profiles_at \' connect\'' -l start -d 'Install and start its gateway, and wait until it is connected.'
complete -c hermes-profiles -n '__hermes_profiles_at \' connect\'' -l no-start -d 'Install and start its gateway, and wait until it is connected.'
complete -c hermes-profiles -n '__hermes_profiles_at \' connect\'' -l timeout -x -d 'How long one gateway may take to come up.'
complete -c hermes-profiles -n '__hermes_profiles_at \' connect\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' connect\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-profiles -n '__hermes_profiles_at \' connect\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' connect\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' connect\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' rename\' 0 0' -k -a '(__hermes_profiles_ask named 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' rename\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' rename\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' rename\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' rename\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' delete\' 0 0' -k -a '(__hermes_profiles_ask named 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' delete\'' -s y -l yes -d 'Do not ask.'
complete -c hermes-profiles -n '__hermes_profiles_at \' delete\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' delete\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' delete\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' delete\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' restore\' 0 0' -k -a '(__hermes_profiles_ask trashed 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' restore\'' -l as -x -d 'Bring it back under this name.'
complete -c hermes-profiles -n '__hermes_profiles_at \' restore\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' restore\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' restore\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' restore\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' alias\' 0 0' -k -a '(__hermes_profiles_ask profile 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' alias\'' -l name -x -d 'Name of the command (default: the profile\'s).'
complete -c hermes-profiles -n '__hermes_profiles_at \' alias\'' -l remove -d 'Remove the alias instead.'
complete -c hermes-profiles -n '__hermes_profiles_at \' alias\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' alias\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' alias\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' alias\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' export\' 0 999' -k -a '(__hermes_profiles_ask profile 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' export\'' -s o -l output -r -F -d 'File to write (default: NAME-TIME.tar.zst here).'
complete -c hermes-profiles -n '__hermes_profiles_at \' export\'' -l with-keys -d 'Add the keys and logins of models and tools; encrypted only.'
complete -c hermes-profiles -n '__hermes_profiles_at \' export\'' -l with-identities -d 'Add everything: bots, accounts, keys, conversations, jobs; encrypted only.'
complete -c hermes-profiles -n '__hermes_profiles_at \' export\'' -l recipient -x -d 'Encrypt for this age key or ssh public key.'
complete -c hermes-profiles -n '__hermes_profiles_at \' export\'' -l passphrase -d 'Encrypt with a passphrase, which is asked for without echo.'
complete -c hermes-profiles -n '__hermes_profiles_at \' export\'' -l passphrase-stdin -d 'Read the passphrase from the first line of standard input.'
complete -c hermes-profiles -n '__hermes_profiles_at \' export\'' -l gzip -d 'Compress with gzip instead of zstd.'
complete -c hermes-profiles -n '__hermes_profiles_at \' export\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' export\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' export\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' export\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' import\' 0 0' -F
complete -c hermes-profiles -n '__hermes_profiles_at \' import\'' -l as -x -d 'Name of the profile, instead of the one it has.'
complete -c hermes-profiles -n '__hermes_profiles_at \' import\'' -l key -r -F -d 'File with the age key that opens the file.'
complete -c hermes-profiles -n '__hermes_profiles_at \' import\'' -l passphrase-stdin -d 'Read the passphrase from the first line of standard input.'
complete -c hermes-profiles -n '__hermes_profiles_at \' import\'' -l no-alias -d 'Create no alias command for the profile.'
complete -c hermes-profiles -n '__hermes_profiles_at \' import\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' import\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' import\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' import\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' diff\' 0 0' -k -a '(__hermes_profiles_ask profile 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' diff\' 1 1' -k -a '(__hermes_profiles_ask profile 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' diff\'' -l all -d 'Compare all profiles: where which one differs.'
complete -c hermes-profiles -n '__hermes_profiles_at \' diff\'' -l keys -x -d 'With --all, only these settings or variables, with commas between, and all below them.'
complete -c hermes-profiles -n '__hermes_profiles_at \' diff\'' -l check -d 'Exit 3 when they differ in anything but their identities.'
complete -c hermes-profiles -n '__hermes_profiles_at \' diff\'' -l wide -d 'Show all columns, however narrow the terminal is.'
complete -c hermes-profiles -n '__hermes_profiles_at \' diff\'' -l color -x -a 'auto always never' -d 'Colour the states (auto: on a terminal).'
complete -c hermes-profiles -n '__hermes_profiles_at \' diff\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' diff\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' diff\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' sync\'' -l from -x -k -a '(__hermes_profiles_ask profile 1)' -d 'Profile to copy the settings from.'
complete -c hermes-profiles -n '__hermes_profiles_at \' sync\'' -l to -x -k -a '(__hermes_profiles_ask profiles 1)' -d 'Profiles that get them, with commas between; `all` are all others.'
complete -c hermes-profiles -n '__hermes_profiles_at \' sync\'' -l keys -x -d 'Settings of config.yaml, with commas between, and all below them.'
complete -c hermes-profiles -n '__hermes_profiles_at \' sync\'' -l env -x -d 'Variables of .env, with commas between.'
complete -c hermes-profiles -n '__hermes_profiles_at \' sync\'' -l exact -d 'Take out what a target has below the keys and the source has not.'
complete -c hermes-profiles -n '__hermes_profiles_at \' sync\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' sync\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' sync\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' sync\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\' 0 999' -k -a '(__hermes_profiles_ask profile 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -l fix -d 'Fix faults, on a terminal one by one; `undo` reverts it.'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -l only -x -k -a '(__hermes_profiles_check)' -d 'Only this check, or family of checks (repeatable).'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -l skip -x -k -a '(__hermes_profiles_check)' -d 'Not this check, or family of checks (repeatable).'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -l strict -d 'Exit 3 also for warnings.'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -s v -l verbose -d 'Show the place of each fault, and what each fix does.'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -l list -d 'List the checks instead.'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -s y -l yes -d 'Do not ask.'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -l place -x -k -a '(__hermes_profiles_ask places 1)' -d 'In this place (see `place list`), or in all of them at once.'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -l color -x -a 'auto always never' -d 'Colour the states (auto: on a terminal).'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' doctor\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' repair\' 0 999' -k -a '(__hermes_profiles_ask profile 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' repair\'' -l owner -x -k -a '(__hermes_profiles_owner)' -d 'The profile that keeps a channel or login.'
complete -c hermes-profiles -n '__hermes_profiles_at \' repair\'' -l channel -x -k -a '(__hermes_profiles_login)' -d 'Only this channel or login (repeatable).'
complete -c hermes-profiles -n '__hermes_profiles_at \' repair\'' -s y -l yes -d 'Do not ask.'
complete -c hermes-profiles -n '__hermes_profiles_at \' repair\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' repair\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-profiles -n '__hermes_profiles_at \' repair\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' repair\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' repair\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' undo\' 0 0' -k -a '(__hermes_profiles_ask change 1)'
complete -c hermes-profiles -n '__hermes_profiles_at \' undo\'' -l list -d 'List the changes instead.'
complete -c hermes-profiles -n '__hermes_profiles_at \' undo\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' undo\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' undo\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' undo\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' explain\' 0 0' -k -a '(__hermes_profiles_channel)'
complete -c hermes-profiles -n '__hermes_profiles_at \' explain\'' -s p -l profile -x -k -a '(__hermes_profiles_ask profile 1)' -d 'Profile to look at (default: the one in use).'
complete -c hermes-profiles -n '__hermes_profiles_at \' explain\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' explain\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' explain\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' catalog\' 0 0' -k -a '(__hermes_profiles_channel)'
complete -c hermes-profiles -n '__hermes_profiles_at \' catalog\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' catalog\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' catalog\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' completion\' 0 0' -a 'bash zsh fish'
complete -c hermes-profiles -n '__hermes_profiles_at \' completion\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' completion\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' demo\'' -l keep -d 'Keep the sandbox and print its path.'
complete -c hermes-profiles -n '__hermes_profiles_at \' demo\'' -l gateways -d 'Whether to run the clones\' gateways, if Hermes is installed.'
complete -c hermes-profiles -n '__hermes_profiles_at \' demo\'' -l no-gateways -d 'Whether to run the clones\' gateways, if Hermes is installed.'
complete -c hermes-profiles -n '__hermes_profiles_at \' demo\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' demo\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' trash\' 0' -a list -d 'List deleted profiles, and files that were taken out of profiles, newest first'
complete -c hermes-profiles -n '__hermes_profiles_at \' trash\' 0' -a empty -d 'Delete what is in the trash for good; this has no undo'
complete -c hermes-profiles -n '__hermes_profiles_at \' trash\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' trash list\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' trash list\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' trash list\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' trash empty\' 0 999' -k -a '(__hermes_profiles_ask trash 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' trash empty\'' -l older-than -x -d 'Only what was deleted more than so many days ago.'
complete -c hermes-profiles -n '__hermes_profiles_at \' trash empty\'' -s y -l yes -d 'Do not ask.'
complete -c hermes-profiles -n '__hermes_profiles_at \' trash empty\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' trash empty\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' trash empty\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' trash empty\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' backup\' 0' -a create -d 'Write each profile, complete and encrypted, to a file of its own'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup\' 0' -a list -d 'List the backups, the newest first'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup\' 0' -a verify -d 'Read backups, and check every checksum and every database in them; without names the newest of each profile'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup\' 0' -a restore -d 'Restore a profile from a backup; the profile that exists goes to the trash first, and `undo` brings it back'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup\' 0' -a timer -d 'Back up all profiles each day: the watcher (`hermes-gateways watch on`) starts it, also after a missed time'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' backup create\' 0 999' -k -a '(__hermes_profiles_ask profile 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup create\'' -l all -d 'Back up all profiles.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup create\'' -l to -x -a '(__hermes_profiles_folders)' -d 'Folder of the backups (default: one of this user).'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup create\'' -l keep -x -d 'Keep the N newest backups of each profile.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup create\'' -l recipient -x -d 'Encrypt for this age key or ssh public key.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup create\'' -l passphrase -d 'Encrypt with a passphrase, which is asked for without echo.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup create\'' -l passphrase-stdin -d 'Read the passphrase from the first line of standard input.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup create\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup create\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup create\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup create\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' backup list\' 0 999' -k -a '(__hermes_profiles_ask profile 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup list\'' -l from -x -a '(__hermes_profiles_folders)' -d 'Folder of the backups (default: that of `backup create`).'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup list\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup list\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup list\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' backup verify\' 0 999' -k -a '(__hermes_profiles_ask profile 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup verify\'' -l from -x -a '(__hermes_profiles_folders)' -d 'Folder of the backups (default: that of `backup create`).'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup verify\'' -l key -r -F -d 'File with the age key that opens the file.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup verify\'' -l passphrase-stdin -d 'Read the passphrase from the first line of standard input.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup verify\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup verify\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup verify\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' backup restore\' 0 0' -k -a '(__hermes_profiles_ask profile 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup restore\'' -l as -x -d 'Restore it under this name.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup restore\'' -l from -x -a '(__hermes_profiles_folders)' -d 'Folder of the backups (default: that of `backup create`).'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup restore\'' -l key -r -F -d 'File with the age key that opens the file.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup restore\'' -l passphrase-stdin -d 'Read the passphrase from the first line of standard input.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup restore\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup restore\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup restore\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup restore\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' backup timer\' 0 0' -a 'on off status'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup timer\'' -l at -x -d 'Local time of day (default: 03:30).'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup timer\'' -l to -x -a '(__hermes_profiles_folders)' -d 'Folder of the backups (default: one of this user).'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup timer\'' -l keep -x -d 'Keep the N newest of each (default: 7).'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup timer\'' -l recipient -x -d 'Encrypt for this key instead of the key of this user.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup timer\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup timer\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup timer\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' backup timer\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' team\' 0' -a create -d 'Make a team: light profiles that live on the pool of their lead, each to get an account of its own'
complete -c hermes-profiles -n '__hermes_profiles_at \' team\' 0' -a list -d 'List the teams: lead, channel and members'
complete -c hermes-profiles -n '__hermes_profiles_at \' team\' 0' -a show -d 'Show a team: what it shares, and each member with its account, shortened'
complete -c hermes-profiles -n '__hermes_profiles_at \' team\' 0' -a remove -d 'Take members out of a team: stop them, remove their services, move them to the trash'
complete -c hermes-profiles -n '__hermes_profiles_at \' team\' 0' -a add -d 'Add a member to a team, or give one its account'
complete -c hermes-profiles -n '__hermes_profiles_at \' team\' 0' -a import -d 'Bring in accounts from elsewhere: one new member each, all of them or none'
complete -c hermes-profiles -n '__hermes_profiles_at \' team\' 0' -a sync -d 'Give members what their lead shares now: settings, keys, links'
complete -c hermes-profiles -n '__hermes_profiles_at \' team\' 0' -a check -d 'Compare members with their lead; exit 3 when they differ'
complete -c hermes-profiles -n '__hermes_profiles_at \' team\' 0' -a run-mode -d 'Run one gateway for all profiles (multiplex) or one for each (processes); without MODE, show the run mode'
complete -c hermes-profiles -n '__hermes_profiles_at \' team\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' team create\'' -l lead -x -k -a '(__hermes_profiles_ask profile 2)' -d 'The profile that shares files.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team create\'' -l channel -x -k -a '(__hermes_profiles_channel)' -d 'The channel on which each member has an account.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team create\'' -l members -x -d 'Profiles to make, with commas between them.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team create\'' -l share -x -d 'What is shared: some of skills, persona, plugins, knowledge, config, keys, memory; or none. Without it: skills,persona,config,keys.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team create\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team create\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team create\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team create\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' team list\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team list\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team list\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' team show\' 0 0' -k -a '(__hermes_profiles_ask team 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' team show\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team show\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team show\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' team remove\' 0 999' -k -a '(__hermes_profiles_ask named 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' team remove\'' -l team -x -k -a '(__hermes_profiles_ask team 2)' -d 'The team they are in.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team remove\'' -l all -d 'All members of --team, and the team itself.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team remove\'' -l keep-profile -d 'Keep the profile: its shared files become copies.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team remove\'' -s y -l yes -d 'Do not ask.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team remove\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team remove\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team remove\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team remove\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' team add\' 0 0' -k -a '(__hermes_profiles_ask named 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -l team -x -k -a '(__hermes_profiles_ask team 2)' -d 'The team; may be left out when there is one.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -l account-id -x -d 'Id of its WeChat account; the token is asked for, or read from standard input.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -l base-url -x -d 'Address that WeChat gave with the token.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -l user -x -d 'Id of the WeChat user who scanned the code.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -l allow -x -d 'Ids of the users who may talk to it, separated by commas.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -l login -d 'Run Hermes\' own set-up of the channel at this terminal, such as the scan of a code.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -l no-account -d 'Ask for no account; it comes later.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -l offline -d 'Do not ask the platform which account the token belongs to.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -l description -x -d 'What the new member is for.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team add\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' team import\' 0 0' -a 'openclaw hermes csv json'
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\' 1 1' -F
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\'' -l team -x -k -a '(__hermes_profiles_ask team 2)' -d 'The team they join; created when it is missing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\'' -l lead -x -k -a '(__hermes_profiles_ask profile 2)' -d 'The lead of a new team.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\'' -l channel -x -k -a '(__hermes_profiles_channel)' -d 'The channel of a table\'s accounts; weixin without it.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\'' -l share -x -d 'What a new team shares, as in `team create`.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\'' -l names -r -F -d 'What members are called: lines of an id and a name, or JSON.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\'' -l only -x -d 'Bring in these accounts alone, with commas between.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\'' -l skip -x -d 'Leave these accounts out.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\'' -l skip-bad -d 'Leave out what cannot be brought in, instead of bringing in nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team import\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' team sync\' 0 0' -k -a '(__hermes_profiles_ask team 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' team sync\'' -l own -x -d 'Keep a member\'s own setting, variable, SOUL.md or folder (skills/). Repeatable.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team sync\'' -l not-own -x -d 'Share it with the member again. Repeatable.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team sync\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team sync\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team sync\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team sync\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' team check\' 0 0' -k -a '(__hermes_profiles_ask team 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' team check\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team check\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team check\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' team run-mode\' 0 0' -a 'multiplex processes'
complete -c hermes-profiles -n '__hermes_profiles_at \' team run-mode\'' -s y -l yes -d 'Accept the listed consequences.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team run-mode\'' -l install -d 'When switching back, install and start services for profiles without one.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team run-mode\'' -l standalone -d 'With `processes`: use the temporary exception of a Hermes with one gateway.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team run-mode\'' -l timeout -x -d 'How long one gateway may take to come up.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team run-mode\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team run-mode\'' -l manager -x -a 'systemd launchd supervisor' -d 'systemd, launchd or supervisor instead of the one found.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team run-mode\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team run-mode\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' team run-mode\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' config\' 0' -a get -d 'Show a setting of config.yaml'
complete -c hermes-profiles -n '__hermes_profiles_at \' config\' 0' -a set -d 'Set one setting of config.yaml; comments, order and every other byte stay'
complete -c hermes-profiles -n '__hermes_profiles_at \' config\' 0' -a unset -d 'Take one setting out of config.yaml, with all below it'
complete -c hermes-profiles -n '__hermes_profiles_at \' config\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' config get\' 0 0' -k -a '(__hermes_profiles_ask profile 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' config get\'' -l reveal -d 'Show secrets too.'
complete -c hermes-profiles -n '__hermes_profiles_at \' config get\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' config get\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' config get\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' config set\' 0 0' -k -a '(__hermes_profiles_ask profile 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' config set\'' -l string -d 'Store the value as text.'
complete -c hermes-profiles -n '__hermes_profiles_at \' config set\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' config set\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' config set\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' config set\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' config unset\' 0 0' -k -a '(__hermes_profiles_ask profile 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' config unset\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' config unset\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' config unset\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' config unset\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' env\' 0' -a list -d 'List the variables of `.env`: names, what they are, and fingerprints'
complete -c hermes-profiles -n '__hermes_profiles_at \' env\' 0' -a set -d 'Set a variable in `.env`'
complete -c hermes-profiles -n '__hermes_profiles_at \' env\' 0' -a unset -d 'Take variables out of `.env`, duplicates included'
complete -c hermes-profiles -n '__hermes_profiles_at \' env\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' env list\' 0 0' -k -a '(__hermes_profiles_ask profile 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' env list\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' env list\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' env list\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' env set\' 0 0' -k -a '(__hermes_profiles_ask profile 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' env set\'' -l empty -d 'Set it to nothing, which hides one that is inherited.'
complete -c hermes-profiles -n '__hermes_profiles_at \' env set\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' env set\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' env set\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' env set\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' env unset\' 0 0' -k -a '(__hermes_profiles_ask profile 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' env unset\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' env unset\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' env unset\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' env unset\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' shim\' 0' -a install -d 'Put a small `hermes` in front of the real one: its `profile`, `gateways` and `doctor` are ours then'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim\' 0' -a remove -d 'Remove the shim, and its lines from the start files of shells'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim\' 0' -a plugin -d 'Put the Hermes plugin into a profile as a folder and enable it: for a Hermes that takes no packages'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim\' 0' -a status -d 'Show whether `hermes` in this shell is the shim, and which Hermes it runs'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' shim install\'' -l shell-setup -d 'Write the line into the start files of your shells, between marks.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim install\'' -l shell -x -a 'bash zsh fish' -d 'Write it for this one: bash, zsh or fish (repeatable).'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim install\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim install\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim install\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim install\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' shim remove\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim remove\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim remove\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim remove\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' shim plugin\' 0 999' -k -a '(__hermes_profiles_ask profile 2)'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim plugin\'' -l remove -d 'Remove it instead.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim plugin\'' -l dry-run -d 'Show the plan; change nothing.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim plugin\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim plugin\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim plugin\'' -s h -l help -d 'Show the help and exit.'

complete -c hermes-profiles -n '__hermes_profiles_at \' shim status\'' -l home -x -a '(__hermes_profiles_folders)' -d 'Work on this Hermes home or root instead of HERMES_HOME or ~/.hermes.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim status\'' -l json -d 'Print the answer as one JSON object.'
complete -c hermes-profiles -n '__hermes_profiles_at \' shim status\'' -s h -l help -d 'Show the help and exit.'
