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
complete -c thimble -n "__fish_thimble_needs_command" -f -a "run" -d 'Run a container in the foreground'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "inspect" -d 'Show what a module imports and exports, its memory, and the grants it will need'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "completions" -d 'Write a completion script for a shell to standard output'
complete -c thimble -n "__fish_thimble_needs_command" -f -a "man" -d 'Write the manual page to standard output, or all pages into a folder'
complete -c thimble -n "__fish_thimble_using_subcommand run" -l name -d 'Name of the container; its key-value data is kept under it, for one container at a time. Without a name nothing is kept' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -s e -l env -d 'Set an environment variable; NAME alone takes its value from here' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l env-file -d 'Read environment variables from a file, one NAME=VALUE a line' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand run" -s v -l volume -d 'Mount a folder of this machine; `:ro` makes it read-only' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l allow -d 'Grant something, for example net.connect:example.org:443, gpio:led0 or timer' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -s m -l memory -d 'Limit of linear memory, for example 512k, 64m or 1g' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l cpus -d 'Share of the processor among the containers that want it' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l timeout -d 'End the container after this time, for example 500ms, 10s or 2m' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l stop-grace -d 'Time between asking the container to stop and killing it' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l listen -d 'Open a listening socket for the container: tcp/PORT or tcp/ADDRESS:PORT. Port 0 lets the system choose' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l engine -d 'What executes the WebAssembly' -r -f -a "wasmtime\t'Native code, compiled once and cached'
wasmi\t'A portable interpreter: nothing is compiled or cached'"
complete -c thimble -n "__fish_thimble_using_subcommand run" -l entry -d 'Exported function to run instead of `_start`' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l board -d 'Simulate the pins and sensors that this file describes' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand run" -l with -d 'Run another container beside this one, with the same options; both share the bus and the board' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand run" -s i -l interactive -d 'Pass standard input to the container; without this it reads the end at once'
complete -c thimble -n "__fish_thimble_using_subcommand run" -l stats -d 'Tell what the container used, after its end, on standard error'
complete -c thimble -n "__fish_thimble_using_subcommand run" -l json -d 'Write what happens to the container to standard error as JSON, one object a line'
complete -c thimble -n "__fish_thimble_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thimble -n "__fish_thimble_using_subcommand run" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand inspect" -l json -d 'Write JSON'
complete -c thimble -n "__fish_thimble_using_subcommand inspect" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand inspect" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand completions" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand completions" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand man" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand man" -s V -l version -d 'Print version'
