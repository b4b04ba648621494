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
complete -c thimble -n "__fish_thimble_needs_command" -f -a "inspect" -d 'Show what an image or a module is: its configuration, signatures, imports, exports, memory, and the grants it will need'
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
complete -c thimble -n "__fish_thimble_using_subcommand run" -l name -d 'Name of the container; its key-value data is kept under it, for one container at a time. Without a name nothing is kept' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -s e -l env -d 'Set an environment variable; NAME alone takes its value from here' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l env-file -d 'Read environment variables from a file, one NAME=VALUE a line' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand run" -s v -l volume -d 'Mount a folder of this machine; `:ro` makes it read-only' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l allow -d 'Grant something, for example net.connect:example.org:443, gpio:led0 or timer' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -s m -l memory -d 'Limit of linear memory, for example 512k, 64m or 1g [default: what the image asks for, at most 128m]' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l cpus -d 'Share of the processor among the containers that want it [default: what the image asks for, at most 1]' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l timeout -d 'End the container after this time, for example 500ms, 10s or 2m' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l stop-grace -d 'Time between asking the container to stop and killing it [default: what the image asks for, else 10s]' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l listen -d 'Open a listening socket for the container: tcp/PORT or tcp/ADDRESS:PORT. Port 0 lets the system choose' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l engine -d 'What executes the WebAssembly' -r -f -a "wasmtime\t'Native code, compiled once and cached'
wasmi\t'A portable interpreter: nothing is compiled or cached'"
complete -c thimble -n "__fish_thimble_using_subcommand run" -l entry -d 'Exported function to run instead of `_start`' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l board -d 'Simulate the pins and sensors that this file describes' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand run" -l with -d 'Run another container beside this one, with the same options; both share the bus and the board' -r
complete -c thimble -n "__fish_thimble_using_subcommand run" -l pull -d 'When to fetch the image from its registry' -r -f -a "missing\t'If it is not here, or damaged'
always\t'Before every run: the tag may have moved'
never\t'Never'"
complete -c thimble -n "__fish_thimble_using_subcommand run" -l allow-requested -d 'Grant everything that the image asks for; look at it first with `thimble inspect`'
complete -c thimble -n "__fish_thimble_using_subcommand run" -l plain-http -d 'Speak HTTP without TLS to the registry; for this machine\'s own it is done without asking'
complete -c thimble -n "__fish_thimble_using_subcommand run" -s i -l interactive -d 'Pass standard input to the container; without this it reads the end at once'
complete -c thimble -n "__fish_thimble_using_subcommand run" -l stats -d 'Tell what the container used, after its end, on standard error'
complete -c thimble -n "__fish_thimble_using_subcommand run" -l json -d 'Write what happens to the container to standard error as JSON, one object a line'
complete -c thimble -n "__fish_thimble_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c thimble -n "__fish_thimble_using_subcommand run" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand inspect" -l json -d 'Write JSON'
complete -c thimble -n "__fish_thimble_using_subcommand inspect" -s h -l help -d 'Print help'
complete -c thimble -n "__fish_thimble_using_subcommand inspect" -s V -l version -d 'Print version'
complete -c thimble -n "__fish_thimble_using_subcommand build" -s t -l tag -d 'Name of the image: [REGISTRY/]NAME[:TAG]; may be given several times. Without one, the recipe\'s name or the file\'s counts' -r
complete -c thimble -n "__fish_thimble_using_subcommand build" -s o -l output -d 'Write the image to this archive as well' -r -F
complete -c thimble -n "__fish_thimble_using_subcommand build" -l strip-all -d 'Drop the names of functions too; backtraces then have only numbers'
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
complete -c thimble -n "__fish_thimble_using_subcommand images" -l digests -d 'Show whole digests'
complete -c thimble -n "__fish_thimble_using_subcommand images" -s q -l quiet -d 'Show digests only'
complete -c thimble -n "__fish_thimble_using_subcommand images" -l json -d 'Write JSON to standard output, and no progress'
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
