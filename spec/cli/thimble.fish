# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_thimble_global_optspecs
    string join \n h/help V/version
end

function __fish_thimble_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_thimble_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_thimble_using_subcommand
    set -l cmd (__fish_thimble_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c thimble -n "__fish_thimble_needs_command" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_needs_command" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "run" -d 'Run a container: in the foreground, or with -d in the daemon'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "create" -d 'Make a container in the daemon without starting it'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "start" -d 'Start containers'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "stop" -d 'Ask containers to stop, and kill those that do not in time'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "kill" -d 'Kill containers'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "pause" -d 'Keep containers from running'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "unpause" -d 'Let paused containers go on'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "restart" -d 'Stop containers and start them again'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "wait" -d 'Wait for the end of containers and tell their exit codes'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "rm" -d 'Remove containers'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "ps" -d 'List containers'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "logs" -d 'Show what a container wrote'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "stats" -d 'Show what containers use, every second'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "events" -d 'Show what happens on the device'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "attach" -d 'Show what a container writes from now on, and pass it standard input if it has one'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "cp" -d 'Copy files from or to the volumes of a container'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "update" -d 'Change the limits of containers, whether they run or not'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "up" -d 'Bring an app to what its file declares'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "down" -d 'Remove an app\'s containers; its volumes stay'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "diff" -d 'Show what `up` would do'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "apps" -d 'List apps'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "volumes" -d 'What is done with volumes'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "device" -d 'Show the daemon and the device, or operate a microcontroller behind a serial port'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "bus" -d 'Publish and receive messages'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "inspect" -d 'Show what a container, an image or a module is: its state and configuration, signatures, imports, exports, memory, and the grants it will need'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "agent" -d 'Show and steer the device as one of a fleet'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "fleet" -d 'What can be done with a fleet'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "daemon" -d 'Run the daemon: it keeps containers in the state that was declared'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "build" -d 'Build an image from a thimble.yaml, from Ocre\'s build.yaml, or straight from a .wasm file'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "push" -d 'Send an image, and its signatures, to its registry'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "pull" -d 'Fetch an image from its registry'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "images" -d 'List the images that are here'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "tag" -d 'Give an image another name'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "rmi" -d 'Remove names of images; `prune` frees their space'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "save" -d 'Write images to an archive or a folder that other tools can read'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "load" -d 'Read images from an archive or a folder'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "prune" -d 'Free the space of what no image, container or pull uses'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "fsck" -d 'Check every stored byte against its digest'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "sign" -d 'Sign an image that is here, in the Notary Project\'s format'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "verify" -d 'Check the signatures of an image that is here'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "login" -d 'Log in to a registry; credentials are kept where docker keeps them'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "logout" -d 'Forget a registry\'s credentials'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "completions" -d 'Write a completion script for a shell to standard output'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "man" -d 'Write the manual page to standard output, or all pages into a folder'
complete -c thimble -n "__fish_thimble_using_subcommand run" -l limit -d 'Set another limit: storage=1m, kv=64k, descriptors=64, sockets=16, timers=8 or subscriptions=8' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l restart -d 'When to start it again after its end: no, on-failure, on-failure:N or always' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l queue-messages -d 'Messages that may wait for it' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l queue-bytes -d 'Bytes of the messages that may wait for it' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l queue-policy -d 'What happens to a message that does not fit: drop-oldest or refuse' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l message-bytes -d 'Bytes of one message at most' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l log-max-size -d 'Size of a file of its output, after which the next is begun' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l log-max-file -d 'Files of its output that are kept' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l depends-on -d 'Start it after another container is started, healthy or completed' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -s l -l label -d 'Give it a label' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l health-start -l health-start-period -d 'Time until it must have reported that it is healthy' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l health-heartbeat -l health-interval -d 'Longest time between two of its reports' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l health-action -d 'What is done when it is unhealthy: restart or report' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l engine -d 'What executes the WebAssembly [default: wasmtime]' -r -f -a "wasmtime\t'Native code, compiled once and cached'
wasmi\t'A portable interpreter: nothing is compiled or cached'
inplace\t'The interpreter of microcontrollers, which runs a module\'s own bytes in the least memory; without SIMD'"
complete -c thimble -n "__fish_thimble_using_subcommand run" -l board -d 'Simulate the pins and sensors that this file describes' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand run" -l with -d 'Run another container beside this one, with the same options; both share the bus and the board' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l format -d 'With -d, write what was made in this form, of the fields that --json has: \'{{ id }} {{ name }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l name -d 'Name of the container; its key-value data is kept under it, for one container at a time. Without a name nothing is kept' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -s e -l env -d 'Set an environment variable; NAME alone takes its value from here' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l env-file -d 'Read environment variables from a file, one NAME=VALUE a line' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand run" -s v -l volume -d 'Mount a folder of this machine, or, in the daemon, a volume by its name; `:ro` makes it read-only' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l allow -d 'Grant something, for example net.connect:example.org:443, gpio:led0 or timer' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -s m -l memory -d 'Limit of linear memory, for example 512k, 64m or 1g [default: what the image asks for, at most 128m]' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l cpus -d 'Share of the processor among the containers that want it [default: what the image asks for, at most 1]' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l timeout -d 'End the container after this time, for example 500ms, 10s or 2m' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l stop-grace -d 'Time between asking the container to stop and killing it [default: what the image asks for, else 10s]' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l listen -d 'Open a listening socket for the container: tcp/PORT or tcp/ADDRESS:PORT. Port 0 lets the system choose' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l entry -d 'Exported function to run instead of `_start`' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l pull -d 'When to fetch the image from its registry' -r -f -a "missing\t'If it is not here, or damaged'
always\t'Before every run: the tag may have moved'
never\t'Never'"
complete -c thimble -n "__fish_thimble_using_subcommand run" -s d -l detach -d 'Run it in the daemon, and go on without waiting for its end'
complete -c thimble -n "__fish_thimble_using_subcommand run" -l rm -d 'Remove the container after its end; without -d nothing stays anyway'
complete -c thimble -n "__fish_thimble_using_subcommand run" -l stats -d 'Tell what the container used, after its end, on standard error'
complete -c thimble -n "__fish_thimble_using_subcommand run" -l json -d 'Write what happens to the container to standard error as JSON, one object a line; with -d, what was made to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand run" -l allow-requested -d 'Grant everything that the image asks for; look at it first with `thimble inspect`'
complete -c thimble -n "__fish_thimble_using_subcommand run" -l plain-http -d 'Speak HTTP without TLS to the registry; for this machine\'s own it is done without asking'
complete -c thimble -n "__fish_thimble_using_subcommand run" -s i -l interactive -d 'Pass standard input to the container, or keep it open for `thimble attach`; without this it reads the end at once'
complete -c thimble -n "__fish_thimble_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thimble -n "__fish_thimble_using_subcommand run" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand create" -l limit -d 'Set another limit: storage=1m, kv=64k, descriptors=64, sockets=16, timers=8 or subscriptions=8' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l restart -d 'When to start it again after its end: no, on-failure, on-failure:N or always' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l queue-messages -d 'Messages that may wait for it' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l queue-bytes -d 'Bytes of the messages that may wait for it' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l queue-policy -d 'What happens to a message that does not fit: drop-oldest or refuse' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l message-bytes -d 'Bytes of one message at most' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l log-max-size -d 'Size of a file of its output, after which the next is begun' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l log-max-file -d 'Files of its output that are kept' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l depends-on -d 'Start it after another container is started, healthy or completed' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -s l -l label -d 'Give it a label' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l health-start -l health-start-period -d 'Time until it must have reported that it is healthy' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l health-heartbeat -l health-interval -d 'Longest time between two of its reports' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l health-action -d 'What is done when it is unhealthy: restart or report' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l name -d 'Name of the container; its key-value data is kept under it, for one container at a time. Without a name nothing is kept' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -s e -l env -d 'Set an environment variable; NAME alone takes its value from here' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l env-file -d 'Read environment variables from a file, one NAME=VALUE a line' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand create" -s v -l volume -d 'Mount a folder of this machine, or, in the daemon, a volume by its name; `:ro` makes it read-only' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l allow -d 'Grant something, for example net.connect:example.org:443, gpio:led0 or timer' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -s m -l memory -d 'Limit of linear memory, for example 512k, 64m or 1g [default: what the image asks for, at most 128m]' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l cpus -d 'Share of the processor among the containers that want it [default: what the image asks for, at most 1]' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l timeout -d 'End the container after this time, for example 500ms, 10s or 2m' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l stop-grace -d 'Time between asking the container to stop and killing it [default: what the image asks for, else 10s]' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l listen -d 'Open a listening socket for the container: tcp/PORT or tcp/ADDRESS:PORT. Port 0 lets the system choose' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l entry -d 'Exported function to run instead of `_start`' -r
complete -c thimble -n "__fish_thimble_using_subcommand create" -l pull -d 'When to fetch the image from its registry' -r -f -a "missing\t'If it is not here, or damaged'
always\t'Before every run: the tag may have moved'
never\t'Never'"
complete -c thimble -n "__fish_thimble_using_subcommand create" -l rm -d 'Remove the container after its end'
complete -c thimble -n "__fish_thimble_using_subcommand create" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand create" -l allow-requested -d 'Grant everything that the image asks for; look at it first with `thimble inspect`'
complete -c thimble -n "__fish_thimble_using_subcommand create" -l plain-http -d 'Speak HTTP without TLS to the registry; for this machine\'s own it is done without asking'
complete -c thimble -n "__fish_thimble_using_subcommand create" -s i -l interactive -d 'Pass standard input to the container, or keep it open for `thimble attach`; without this it reads the end at once'
complete -c thimble -n "__fish_thimble_using_subcommand create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thimble -n "__fish_thimble_using_subcommand create" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand start" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand start" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand start" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand start" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand stop" -s t -l time -d 'Time between asking and killing, for example 500ms or 30s [default: the container\'s own]' -r
complete -c thimble -n "__fish_thimble_using_subcommand stop" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand stop" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand stop" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand stop" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand kill" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand kill" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand kill" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand kill" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand pause" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand pause" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand pause" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand pause" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand unpause" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand unpause" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand unpause" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand unpause" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand restart" -s t -l time -d 'Time between asking and killing, for example 500ms or 30s [default: the container\'s own]' -r
complete -c thimble -n "__fish_thimble_using_subcommand restart" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand restart" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand restart" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand restart" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand wait" -l condition -d 'Wait for this' -r -f -a "ended\t'Its run has ended'
running\t'It runs'
healthy\t'It has reported that it is healthy'"
complete -c thimble -n "__fish_thimble_using_subcommand wait" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand wait" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand wait" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thimble -n "__fish_thimble_using_subcommand wait" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand rm" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand rm" -s f -l force -d 'Kill those that run'
complete -c thimble -n "__fish_thimble_using_subcommand rm" -s v -l volumes -d 'Remove their volumes too, with what is in them'
complete -c thimble -n "__fish_thimble_using_subcommand rm" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand rm" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand rm" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand ps" -s f -l filter -d 'Only those of which this is true: app, health, id, image, label, name or state; may be given several times' -r
complete -c thimble -n "__fish_thimble_using_subcommand ps" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand ps" -s a -l all -d 'List those that have ended too'
complete -c thimble -n "__fish_thimble_using_subcommand ps" -s q -l quiet -d 'Show ids only'
complete -c thimble -n "__fish_thimble_using_subcommand ps" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand ps" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand ps" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand logs" -l since -d 'Not before this: a time ago (10m, 2h) or a moment (2026-11-23T21:00:00Z)' -r
complete -c thimble -n "__fish_thimble_using_subcommand logs" -l until -d 'Not after this' -r
complete -c thimble -n "__fish_thimble_using_subcommand logs" -s n -l tail -d 'Only the last lines of what is kept: a number, or `all`' -r
complete -c thimble -n "__fish_thimble_using_subcommand logs" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand logs" -s f -l follow -d 'Go on with what comes'
complete -c thimble -n "__fish_thimble_using_subcommand logs" -s t -l timestamps -d 'Show when each line was written'
complete -c thimble -n "__fish_thimble_using_subcommand logs" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand logs" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand logs" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand stats" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand stats" -l no-stream -d 'Show it once'
complete -c thimble -n "__fish_thimble_using_subcommand stats" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand stats" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand stats" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand events" -l since -d 'Not before this: a time ago (10m, 2h) or a moment (2026-11-23T21:00:00Z)' -r
complete -c thimble -n "__fish_thimble_using_subcommand events" -l until -d 'Not after this' -r
complete -c thimble -n "__fish_thimble_using_subcommand events" -s f -l filter -d 'Only those of which this is true: container, app or kind; may be given several times' -r
complete -c thimble -n "__fish_thimble_using_subcommand events" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand events" -l no-follow -d 'End after what has happened already'
complete -c thimble -n "__fish_thimble_using_subcommand events" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand events" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand events" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand attach" -l no-stdin -d 'Do not pass standard input'
complete -c thimble -n "__fish_thimble_using_subcommand attach" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand attach" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand cp" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand cp" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand update" -s m -l memory -d 'Limit of linear memory, for example 64m' -r
complete -c thimble -n "__fish_thimble_using_subcommand update" -l cpus -d 'Share of the processor among the containers that want it' -r
complete -c thimble -n "__fish_thimble_using_subcommand update" -l limit -d 'Set another limit: storage=1m, kv=64k, descriptors=64, sockets=16, timers=8 or subscriptions=8' -r
complete -c thimble -n "__fish_thimble_using_subcommand update" -l restart -d 'When to start it again after its end: no, on-failure, on-failure:N or always' -r
complete -c thimble -n "__fish_thimble_using_subcommand update" -l queue-messages -d 'Messages that may wait for it' -r
complete -c thimble -n "__fish_thimble_using_subcommand update" -l queue-bytes -d 'Bytes of the messages that may wait for it' -r
complete -c thimble -n "__fish_thimble_using_subcommand update" -l queue-policy -d 'What happens to a message that does not fit: drop-oldest or refuse' -r
complete -c thimble -n "__fish_thimble_using_subcommand update" -l message-bytes -d 'Bytes of one message at most' -r
complete -c thimble -n "__fish_thimble_using_subcommand update" -l log-max-size -d 'Size of a file of its output, after which the next is begun' -r
complete -c thimble -n "__fish_thimble_using_subcommand update" -l log-max-file -d 'Files of its output that are kept' -r
complete -c thimble -n "__fish_thimble_using_subcommand update" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand update" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand update" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand update" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand up" -s f -l file -d 'The app\'s file' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand up" -l name -d 'The app\'s name, instead of the file\'s or the folder\'s' -r
complete -c thimble -n "__fish_thimble_using_subcommand up" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand up" -l dry-run -d 'Only show what would be done'
complete -c thimble -n "__fish_thimble_using_subcommand up" -s y -l yes -d 'Do it without asking, on a terminal too'
complete -c thimble -n "__fish_thimble_using_subcommand up" -l wait -d 'Wait until every container runs, and is healthy if it reports that'
complete -c thimble -n "__fish_thimble_using_subcommand up" -l plain-http -d 'Speak HTTP without TLS to the registries of images that are fetched'
complete -c thimble -n "__fish_thimble_using_subcommand up" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand up" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand up" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand down" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand down" -s f -l file -d 'The app\'s file, which has its name' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand down" -s v -l volumes -d 'Remove its volumes too, with what is in them'
complete -c thimble -n "__fish_thimble_using_subcommand down" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand down" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand down" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand diff" -s f -l file -d 'The app\'s file' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand diff" -l name -d 'The app\'s name, instead of the file\'s or the folder\'s' -r
complete -c thimble -n "__fish_thimble_using_subcommand diff" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand diff" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand diff" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand diff" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand apps" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand apps" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand apps" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand apps" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand volumes; and not __fish_seen_subcommand_from rm" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand volumes; and not __fish_seen_subcommand_from rm" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand volumes; and not __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand volumes; and not __fish_seen_subcommand_from rm" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand volumes; and not __fish_seen_subcommand_from rm" -f -a "rm" -d 'Remove volumes with what is in them'
complete -c thimble -n "__fish_thimble_using_subcommand volumes; and __fish_seen_subcommand_from rm" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand volumes; and __fish_seen_subcommand_from rm" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand volumes; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand volumes; and __fish_seen_subcommand_from rm" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "info" -d 'Show the device'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "run" -d 'Run a container; without -d, show what it writes and end as it does'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "create" -d 'Make a container without starting it'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "start" -d 'Start containers'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "stop" -d 'Ask containers to stop, and kill those that do not in time'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "kill" -d 'Kill containers'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "pause" -d 'Keep containers from running'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "unpause" -d 'Let paused containers go on'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "restart" -d 'Stop containers and start them again'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "rm" -d 'Remove containers with their data and records'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "ps" -d 'List containers'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "logs" -d 'Show what a container wrote'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "images" -d 'List images'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "install" -d 'Bring an image to the device'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "rmi" -d 'Remove images that no container needs'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "inspect" -d 'Show containers'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "stats" -d 'Show what containers use'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "df" -d 'Show what storage is used for'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "records" -d 'Show how a container\'s runs ended'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "fault" -d 'Show the last fault of the firmware itself'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "time" -d 'Show the device\'s time, or tell it this machine\'s'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "reboot" -d 'Restart the device'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "factory-reset" -d 'Remove every container, every image and all data, and restart the device'
complete -c thimble -n "__fish_thimble_using_subcommand device; and not __fish_seen_subcommand_from info run create start stop kill pause unpause restart rm ps logs images install rmi inspect stats df records fault time reboot factory-reset console" -f -a "console" -d 'Use the device\'s own console; Ctrl-] leaves it'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from info" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from info" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from info" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from info" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from info" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from info" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l name -d 'Name of the container [default: the device chooses one]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -s e -l env -d 'Set an environment variable; NAME alone takes its value from here' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l allow -d 'Grant something, for example gpio:led0 or timer' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -s m -l memory -d 'Limit of linear memory, for example 64k' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l cpus -d 'Share of the processor among the containers that want it' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l limit -d 'Set another limit: stack=4k, storage=64k, kv=4k, log=2k, descriptors=8, sockets=4, timers=8 or subscriptions=8' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l restart -d 'When to start it again after its end: no, on-failure, on-failure:N, unless-stopped or always' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l timeout -d 'End the container after this time, for example 500ms, 10s or 2m' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l queue-messages -d 'Messages that may wait for it' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l message-bytes -d 'Bytes of one message at most' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l entry -d 'Exported function to run instead of the image\'s' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -s t -l tag -d 'The name that a .wasm or .wat file has on the device [default: that of the file]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -s d -l detach -d 'Go on without waiting for its end'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l allow-requested -d 'Grant everything that the image asks for; look at it first with `thimble inspect`'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l rm -d 'Remove the container after its end'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l replace -d 'Replace the container that has this name, whatever state it is in; its data stays'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -l plain-http -d 'Speak HTTP without TLS to the registry of an image that is fetched'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from run" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l name -d 'Name of the container [default: the device chooses one]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -s e -l env -d 'Set an environment variable; NAME alone takes its value from here' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l allow -d 'Grant something, for example gpio:led0 or timer' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -s m -l memory -d 'Limit of linear memory, for example 64k' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l cpus -d 'Share of the processor among the containers that want it' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l limit -d 'Set another limit: stack=4k, storage=64k, kv=4k, log=2k, descriptors=8, sockets=4, timers=8 or subscriptions=8' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l restart -d 'When to start it again after its end: no, on-failure, on-failure:N, unless-stopped or always' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l timeout -d 'End the container after this time, for example 500ms, 10s or 2m' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l queue-messages -d 'Messages that may wait for it' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l message-bytes -d 'Bytes of one message at most' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l entry -d 'Exported function to run instead of the image\'s' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -s t -l tag -d 'The name that a .wasm or .wat file has on the device [default: that of the file]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l allow-requested -d 'Grant everything that the image asks for; look at it first with `thimble inspect`'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l rm -d 'Remove the container after its end'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l replace -d 'Replace the container that has this name, whatever state it is in; its data stays'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -l plain-http -d 'Speak HTTP without TLS to the registry of an image that is fetched'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from create" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from start" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from start" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from start" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from start" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from start" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stop" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stop" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stop" -s t -l time -d 'Time between asking and killing, for example 500ms or 30s [default: the container\'s own]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stop" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stop" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stop" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from kill" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from kill" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from kill" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from kill" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from kill" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from kill" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from pause" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from pause" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from pause" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from pause" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from pause" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from pause" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from unpause" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from unpause" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from unpause" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from unpause" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from unpause" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from unpause" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from restart" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from restart" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from restart" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from restart" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from restart" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from restart" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rm" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rm" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rm" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rm" -s f -l force -d 'Kill those that run'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rm" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rm" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from ps" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from ps" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from ps" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from ps" -s a -l all -d 'List those that have ended too'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from ps" -s q -l quiet -d 'Show names only'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from ps" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from ps" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from ps" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from logs" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from logs" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from logs" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Go on with what comes'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from logs" -s t -l timestamps -d 'Show when each piece was written, counted from the device\'s start'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from logs" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from logs" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from images" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from images" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from images" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from images" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from images" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from images" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from install" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from install" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from install" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from install" -s t -l tag -d 'The name that a .wasm or .wat file has on the device [default: that of the file]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from install" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from install" -l plain-http -d 'Speak HTTP without TLS to the registry of an image that is fetched'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from install" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rmi" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rmi" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rmi" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rmi" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rmi" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from rmi" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from inspect" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from inspect" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from inspect" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from inspect" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from inspect" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from inspect" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stats" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stats" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stats" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stats" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from stats" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from df" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from df" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from df" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from df" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from df" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from df" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from records" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from records" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from records" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from records" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from records" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from records" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from fault" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from fault" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from fault" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from fault" -l clear -d 'Forget it'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from fault" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from fault" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from fault" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from time" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from time" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from time" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from time" -l set -d 'Tell the device this machine\'s time'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from time" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from time" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from time" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from reboot" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from reboot" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from reboot" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from reboot" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from factory-reset" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from factory-reset" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from factory-reset" -s y -l yes -d 'It is meant'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from factory-reset" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from factory-reset" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from console" -l serial -d 'The port at which the device is: /dev/tty…, unix:PATH or tcp:HOST:PORT [default: THIMBLE_SERIAL]' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from console" -l baud -d 'The speed of a serial port, in bits a second' -r
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from console" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand device; and __fish_seen_subcommand_from console" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and not __fish_seen_subcommand_from pub sub status" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and not __fish_seen_subcommand_from pub sub status" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and not __fish_seen_subcommand_from pub sub status" -f -a "pub" -d 'Publish a message'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and not __fish_seen_subcommand_from pub sub status" -f -a "sub" -d 'Show the messages of topics as they come'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and not __fish_seen_subcommand_from pub sub status" -f -a "status" -d 'Show what the bus keeps, and its bridges'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from pub" -l content-type -d 'What the payload is, for example application/json' -r
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from pub" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from pub" -s r -l retain -d 'Keep it for later subscribers; an empty payload forgets what was kept'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from pub" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from pub" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from pub" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from sub" -s c -l count -d 'End after so many messages' -r
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from sub" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from sub" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from sub" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from sub" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from status" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from status" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand bus; and __fish_seen_subcommand_from status" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand inspect" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand inspect" -l type -d 'What it is; without this a file counts before a container, and that before an image' -r -f -a "container\t'A container of the daemon'
image\t'An image that is here'
module\t'A .wasm or .wat file'"
complete -c thimble -n "__fish_thimble_using_subcommand inspect" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thimble -n "__fish_thimble_using_subcommand inspect" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and not __fish_seen_subcommand_from status enrol hold release import" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and not __fish_seen_subcommand_from status enrol hold release import" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and not __fish_seen_subcommand_from status enrol hold release import" -f -a "status" -d 'Show how the device is with its hub, and how each deployment is'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and not __fish_seen_subcommand_from status enrol hold release import" -f -a "enrol" -d 'Make this device one of a hub\'s fleet'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and not __fish_seen_subcommand_from status enrol hold release import" -f -a "hold" -d 'Keep everything as it is, whatever the hub wants, until it is released'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and not __fish_seen_subcommand_from status enrol hold release import" -f -a "release" -d 'Take a hold back'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and not __fish_seen_subcommand_from status enrol hold release import" -f -a "import" -d 'Take the device\'s state from a bundle that the hub wrote, where there is no network'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from status" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from status" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from status" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from enrol" -l claim-code -d 'The code with which the device enrols; without one somebody has to approve it' -r
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from enrol" -l ca -d 'A PEM file of the authorities that the hub\'s certificate comes from [default: the system\'s]' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from enrol" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from enrol" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from hold" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from hold" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from release" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand agent; and __fish_seen_subcommand_from import" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "login" -d 'Sign in at a hub, and keep the token'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "logout" -d 'End the token and forget it'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "whoami" -d 'Show who the hub takes you for, and what you may do'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "status" -d 'Show the fleet in numbers'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "devices" -d 'List devices, and operate them'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "enrol" -d 'Bring devices to the fleet'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "apps" -d 'List apps, and publish versions of them'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "deploy" -d 'Say which devices run which version of an app, and bring it to them'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "deployments" -d 'List deployments, show or remove them'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "rollout" -d 'Show rollouts and steer them'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "logs" -d 'Show what a container of a device wrote'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "apply" -d 'Bring what files declare into force'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "diff" -d 'Show what `apply` would do; the exit code is 2 if something is different'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "export" -d 'Write what the hub has as the files that `apply` takes'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "simulate" -d 'Show who would get what, when, and why not; nothing changes'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "secrets" -d 'Keep values that are written and never read back'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "tokens" -d 'List, make and end tokens'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "users" -d 'List users, make them and say what they may do'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "tenants" -d 'List tenants and make them'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "webhooks" -d 'Say whom the hub tells what happens'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and not __fish_seen_subcommand_from login logout whoami status devices enrol apps deploy deployments rollout logs apply diff export simulate secrets tokens users tenants webhooks audit" -f -a "audit" -d 'Show who changed what and why, and check that'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from login" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from login" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from login" -l user -d 'Sign in with a password, which is asked for, or read from standard input if that is no terminal' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from login" -l password-file -d 'Read the password from a file instead' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from login" -l oidc -d 'Sign in with a browser at an OpenID provider, as the hub\'s settings name it' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from login" -l token-file -d 'Use a token that somebody made; `-` reads it from standard input' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from login" -l ca -d 'A PEM file of the authorities that the hub\'s certificate comes from [default: the system\'s]' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from login" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from login" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from login" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from login" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logout" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logout" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logout" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logout" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from whoami" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from whoami" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from whoami" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from whoami" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from whoami" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from whoami" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from status" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from status" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from status" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from status" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from status" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -s l -l selector -d 'Only devices with such labels' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -l state -d 'Only devices in this state' -r -f -a "pending\t'Somebody has to approve it'
active\t'It is one of the fleet'
revoked\t'It is not trusted any more'
retired\t'It was taken out of service'"
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -l model -d 'Only devices of this hardware type' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -l text -d 'Only devices whose name or serial number contains this' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -l out-of-date -d 'Only devices that do not have yet what they are to have'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -s q -l quiet -d 'Show names alone, for other commands'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -s w -l watch -d 'Show them again whenever something is different'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "ls" -d 'List devices; the same without a word'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "show" -d 'Show what a device is, has and reports'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "label" -d 'Set labels (NAME=VALUE) and remove labels (NAME-)'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "rename" -d 'Give a device another name'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "hold" -d 'Let nothing change on devices'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "release" -d 'Take holds back'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "window" -d 'Say when changes may begin on devices'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "override-veto" -d 'Let changes go on although running apps say no'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "respect-veto" -d 'Let running apps say no again'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "approve" -d 'Let pending devices into the fleet'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "reject" -d 'Do not let pending devices into the fleet'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "revoke" -d 'Trust devices no more: their certificates are refused from now on'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from devices" -f -a "retire" -d 'Take devices out of service'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from enrol" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from enrol" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from enrol" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from enrol" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from enrol" -f -a "code" -d 'Make a code with which devices enrol by themselves, and show what to write into their settings'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from enrol" -f -a "codes" -d 'List claim codes'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from enrol" -f -a "rm" -d 'End a claim code; devices that came with it stay'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from enrol" -f -a "csv" -d 'Name devices before they come: a CSV with the columns serial and, as wanted, model, name, labels and code'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from enrol" -f -a "pending" -d 'List devices that wait for approval, with the fingerprints that are to be compared'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from enrol" -f -a "approve" -d 'Let pending devices into the fleet'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from enrol" -f -a "reject" -d 'Do not let pending devices into the fleet'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apps" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apps" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apps" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apps" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apps" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apps" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apps" -f -a "ls" -d 'List apps; the same without a word'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apps" -f -a "show" -d 'Show the versions of an app, or what a version consists of'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apps" -f -a "publish" -d 'Publish a version of an app: its images go to the hub\'s registry'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apps" -f -a "rm" -d 'Remove an app that nothing deploys'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l app -d 'The app [default: what the deployment has]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l version -d 'The app\'s version [default: what the deployment has]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -s l -l selector -d 'Which devices, by labels: `line=1, site in (a, b), !canary`; \'\' means all' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l priority -d 'Of two deployments of one app on a device, the greater priority wins' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -s e -l env -d 'Set an environment variable in all containers, or in one' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l secret-env -d 'Set an environment variable to the value of a secret' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l after -d 'A deployment that must be installed first' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l consent -d 'Time that the running app has to say yes to being replaced; 0 does not ask it' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l probation -d 'Time that new containers must run in health before they are kept' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l hub-within -d 'Time within which the hub must have been reached while on probation; 0 does not ask for it' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l wave -d 'A wave: a number of devices (3), a part of all (25%), those with labels (canary=yes), or both (3@line=1). Whoever is in none comes in a last one; without waves all are one, and `--wave 100%` says so' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l soak -d 'Time that is waited after each wave' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l at-once -d 'Devices of a wave that are updated at once' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l errors -d 'Devices of a wave that may fail: a number, or a part of those that began (5%)' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l success -d 'The part of a wave that must have succeeded before the next begins [default: 100]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l approval -d 'People who have to approve each wave but the first: 1 or 2' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l budget -d 'Devices that may be down or updating at once for each value of a label: line=1' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l rate -d 'Devices that begin per minute at most' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l device-timeout -d 'Time that a device may take before it counts as failed' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l deadline -d 'When the rollout ends by itself: a time from now on, or a moment in RFC 3339' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l on-error -d 'What is done when too many failed' -r -f -a "pause\t'No more devices begin until somebody decides'
roll-back\t'Those that began go back'"
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l policy -d 'All of this from a file instead (YAML), with what is particular to each wave' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l no-rollout -d 'Only keep what was said; no device changes until a rollout is begun'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -s y -l yes -d 'Do not ask'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deploy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deployments" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deployments" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deployments" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deployments" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deployments" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deployments" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deployments" -f -a "ls" -d 'List deployments; the same without a word'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deployments" -f -a "show" -d 'Show what a deployment is to be, and where it is'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deployments" -f -a "revisions" -d 'List the revisions of a deployment'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from deployments" -f -a "rm" -d 'Remove a deployment from its devices'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -s a -l all -d 'Also those that are over'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -f -a "ls" -d 'List rollouts, newest first; the same without a word'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -f -a "status" -d 'Show how a rollout goes: each wave, and why devices are where they are'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -f -a "start" -d 'Begin to bring a deployment\'s revision to its devices'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -f -a "approve" -d 'Let the next wave begin'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -f -a "pause" -d 'Let no more devices begin'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -f -a "resume" -d 'Let it go on'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -f -a "abort" -d 'Give it up; devices that began finish'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from rollout" -f -a "rollback" -d 'Bring its devices back to what they had'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logs" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logs" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logs" -s n -l lines -d 'Lines from the end, 1 to 1000' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logs" -l wait -d 'How long the device is waited for' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logs" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Go on with what it writes from now on'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logs" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from logs" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apply" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apply" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apply" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apply" -s f -l file -d 'A file, or a folder whose .yaml and .yml files count, also those in folders below' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apply" -l dry-run -d 'Only tell what would be done'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apply" -l prune -d 'Remove deployments, webhooks and apps that no file declares'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apply" -s y -l yes -d 'Do not ask'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apply" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apply" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from apply" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from diff" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from diff" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from diff" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from diff" -s f -l file -d 'A file, or a folder whose .yaml and .yml files count, also those in folders below' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from diff" -l prune -d 'Also tell which deployments, webhooks and apps no file declares'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from diff" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from diff" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from export" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from export" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from export" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from export" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -s f -l file -d 'A file with a document of the kind `deployment`; the hub need not have it' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l wave -d 'A wave: a number of devices (3), a part of all (25%), those with labels (canary=yes), or both (3@line=1). Whoever is in none comes in a last one; without waves all are one, and `--wave 100%` says so' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l soak -d 'Time that is waited after each wave' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l at-once -d 'Devices of a wave that are updated at once' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l errors -d 'Devices of a wave that may fail: a number, or a part of those that began (5%)' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l success -d 'The part of a wave that must have succeeded before the next begins [default: 100]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l approval -d 'People who have to approve each wave but the first: 1 or 2' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l budget -d 'Devices that may be down or updating at once for each value of a label: line=1' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l rate -d 'Devices that begin per minute at most' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l device-timeout -d 'Time that a device may take before it counts as failed' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l deadline -d 'When the rollout ends by itself: a time from now on, or a moment in RFC 3339' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l on-error -d 'What is done when too many failed' -r -f -a "pause\t'No more devices begin until somebody decides'
roll-back\t'Those that began go back'"
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l policy -d 'All of this from a file instead (YAML), with what is particular to each wave' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from simulate" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from secrets" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from secrets" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from secrets" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from secrets" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from secrets" -f -a "ls" -d 'List secrets, without their values'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from secrets" -f -a "set" -d 'Give a secret a value: from a file, from standard input, or asked for; never from the command line'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from secrets" -f -a "rm" -d 'Remove a secret that nothing uses'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tokens" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tokens" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tokens" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tokens" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tokens" -f -a "ls" -d 'List tokens: yours, or those of all users for an admin'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tokens" -f -a "create" -d 'Make a token for a program; it is shown once'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tokens" -f -a "rm" -d 'End a token'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from users" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from users" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from users" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from users" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from users" -f -a "ls" -d 'List users'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from users" -f -a "create" -d 'Make a user'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from users" -f -a "roles" -d 'Say what a user may do, all of it'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from users" -f -a "password" -d 'Give a user another password, which ends their sessions'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from users" -f -a "disable" -d 'Keep a user from signing in'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from users" -f -a "enable" -d 'Let a user sign in again'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from users" -f -a "rm" -d 'Remove a user with their tokens'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tenants" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tenants" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tenants" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tenants" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tenants" -f -a "ls" -d 'List the tenants that you can ask for'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from tenants" -f -a "create" -d 'Make a tenant below the one that is asked for'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from webhooks" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from webhooks" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from webhooks" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from webhooks" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from webhooks" -f -a "ls" -d 'List webhooks'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from webhooks" -f -a "create" -d 'Make a webhook; its secret is read from a file, from standard input, or asked for'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from webhooks" -f -a "disable" -d 'Tell it nothing'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from webhooks" -f -a "enable" -d 'Tell it what happens again'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from webhooks" -f -a "rm" -d 'Remove it'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from audit" -l hub -d 'The hub [default: the one of the last login]' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from audit" -l tenant -d 'Another tenant than the login\'s own: its name or id' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from audit" -l about -d 'Only changes of such things: device/pump-3, or deployment' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from audit" -l by -d 'Only changes by whoever has this in their name' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from audit" -s n -l lines -d 'Entries from the end' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from audit" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from audit" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from audit" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from audit" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from audit" -f -a "ls" -d 'List changes; the same without a word'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from audit" -f -a "verify" -d 'Check that no entry was changed or removed; the exit code tells'
complete -c thimble -n "__fish_thimble_using_subcommand fleet; and __fish_seen_subcommand_from audit" -f -a "export" -d 'Write all entries to standard output, as lines of JSON'
complete -c thimble -n "__fish_thimble_using_subcommand daemon" -l engine -d 'What executes the WebAssembly' -r -f -a "wasmtime\t'Native code, compiled once and cached'
wasmi\t'A portable interpreter: nothing is compiled or cached'
inplace\t'The interpreter of microcontrollers, which runs a module\'s own bytes in the least memory; without SIMD'"
complete -c thimble -n "__fish_thimble_using_subcommand daemon" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thimble -n "__fish_thimble_using_subcommand daemon" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand build" -s t -l tag -d 'Name of the image: [REGISTRY/]NAME[:TAG]; may be given several times. Without one, the recipe\'s name or the file\'s counts' -r
complete -c thimble -n "__fish_thimble_using_subcommand build" -s o -l output -d 'Write the image to this archive as well' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand build" -l stack-size -d 'With --pack: the stack\'s size that the module was linked with (wasm-ld\'s -z stack-size; its own is 64k), where the module does not tell' -r
complete -c thimble -n "__fish_thimble_using_subcommand build" -l heap -d 'With --pack: give a guest with malloc this much heap and never more, in a memory of exactly what it needs' -r
complete -c thimble -n "__fish_thimble_using_subcommand build" -l messages -d 'With --pack: let a guest that receives Ocre\'s messages hold so much of them at a time; without it, 2k' -r
complete -c thimble -n "__fish_thimble_using_subcommand build" -l strip-all -d 'Drop the names of functions too; backtraces then have only numbers'
complete -c thimble -n "__fish_thimble_using_subcommand build" -l pack -d 'Cut the module\'s memory to what it needs, as far as that can be proven, and tell what was done'
complete -c thimble -n "__fish_thimble_using_subcommand build" -l strict-grants -d 'Fail if the requested grants are not those that the module can use'
complete -c thimble -n "__fish_thimble_using_subcommand build" -l json -d 'Write JSON to standard output, and no progress'
complete -c thimble -n "__fish_thimble_using_subcommand build" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand build" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand push" -l plain-http -d 'Speak HTTP without TLS to the registry; for this machine\'s own it is done without asking'
complete -c thimble -n "__fish_thimble_using_subcommand push" -l json -d 'Write JSON to standard output, and no progress'
complete -c thimble -n "__fish_thimble_using_subcommand push" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand push" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand pull" -l plain-http -d 'Speak HTTP without TLS to the registry; for this machine\'s own it is done without asking'
complete -c thimble -n "__fish_thimble_using_subcommand pull" -l json -d 'Write JSON to standard output, and no progress'
complete -c thimble -n "__fish_thimble_using_subcommand pull" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand pull" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand images" -l format -d 'Write a line of this form for each, of the fields that --json has: \'{{ name }} {{ state }}\'' -r
complete -c thimble -n "__fish_thimble_using_subcommand images" -l digests -d 'Show whole digests'
complete -c thimble -n "__fish_thimble_using_subcommand images" -s q -l quiet -d 'Show digests only'
complete -c thimble -n "__fish_thimble_using_subcommand images" -l json -d 'Write JSON to standard output'
complete -c thimble -n "__fish_thimble_using_subcommand images" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand images" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand tag" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand tag" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand rmi" -l json -d 'Write JSON to standard output, and no progress'
complete -c thimble -n "__fish_thimble_using_subcommand rmi" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand rmi" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand save" -s o -l output -d 'The archive or folder to write; without it, standard output' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand save" -l format -d 'What to write' -r -f -a "oci-archive\t'A tar archive of an OCI image layout'
oci-dir\t'A folder that is an OCI image layout'"
complete -c thimble -n "__fish_thimble_using_subcommand save" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thimble -n "__fish_thimble_using_subcommand save" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand load" -s i -l input -d 'The archive or folder to read; without it, standard input' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand load" -s t -l tag -d 'Name the image so, if the archive holds one' -r
complete -c thimble -n "__fish_thimble_using_subcommand load" -l json -d 'Write JSON to standard output, and no progress'
complete -c thimble -n "__fish_thimble_using_subcommand load" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand load" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand prune" -l dry-run -d 'Only tell what would be removed'
complete -c thimble -n "__fish_thimble_using_subcommand prune" -l json -d 'Write JSON to standard output, and no progress'
complete -c thimble -n "__fish_thimble_using_subcommand prune" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand prune" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand fsck" -l json -d 'Write JSON to standard output, and no progress'
complete -c thimble -n "__fish_thimble_using_subcommand fsck" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand fsck" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand sign" -l key -d 'The private key: PEM, PKCS#8 or SEC 1, on the curve P-256' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand sign" -l cert -d 'The certificate of the key and those that issued it: PEM, its own first' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand sign" -l expires -d 'After this time the signature does not count any more, for example 2160h' -r
complete -c thimble -n "__fish_thimble_using_subcommand sign" -l json -d 'Write JSON to standard output, and no progress'
complete -c thimble -n "__fish_thimble_using_subcommand sign" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand sign" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand verify" -l ca -d 'Trust this root certificate for now, whatever the trust policy says; may be given several times' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand verify" -l json -d 'Write JSON to standard output, and no progress'
complete -c thimble -n "__fish_thimble_using_subcommand verify" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand verify" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand login" -s u -l username -d 'The user\'s name' -r
complete -c thimble -n "__fish_thimble_using_subcommand login" -l password-stdin -d 'Read the password from standard input'
complete -c thimble -n "__fish_thimble_using_subcommand login" -l plain-http -d 'Speak HTTP without TLS to the registry; for this machine\'s own it is done without asking'
complete -c thimble -n "__fish_thimble_using_subcommand login" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand login" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand logout" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand logout" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand completions" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand completions" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand man" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand man" -s V -l version -d 'Print version'
