//! The command line of images: what builds, moves, signs and removes them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Shape;

// How output is written. A doc comment would become the text about whatever has it.
#[derive(Args)]
pub(crate) struct Output {
    /// Write JSON to standard output, and no progress.
    #[arg(long)]
    pub(crate) json: bool,
}

// How a registry is reached.
#[derive(Args)]
pub(crate) struct Connection {
    /// Speak HTTP without TLS to the registry; for this machine's own it is done without asking.
    #[arg(long)]
    pub(crate) plain_http: bool,
}

/// Commands about images.
#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum ImageCommand {
    /// Build an image from a thimble.yaml, from Ocre's build.yaml, or straight from a .wasm file.
    Build(BuildArguments),
    /// Send an image, and its signatures, to its registry.
    Push(PushArguments),
    /// Fetch an image from its registry.
    Pull(PullArguments),
    /// List the images that are here.
    Images(ImagesArguments),
    /// Give an image another name.
    Tag(TagArguments),
    /// Remove names of images; `prune` frees their space.
    Rmi(RmiArguments),
    /// Write images to an archive or a folder that other tools can read.
    Save(SaveArguments),
    /// Read images from an archive or a folder.
    Load(LoadArguments),
    /// Free the space of what no image, container or pull uses.
    Prune(PruneArguments),
    /// Check every stored byte against its digest.
    Fsck(FsckArguments),
    /// Sign an image that is here, in the Notary Project's format.
    Sign(SignArguments),
    /// Check the signatures of an image that is here.
    Verify(VerifyArguments),
    /// Log in to a registry; credentials are kept where docker keeps them.
    Login(LoginArguments),
    /// Forget a registry's credentials.
    Logout(LogoutArguments),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  thimble build -t blinky:1 .
  thimble build -t localhost:5000/line1/blinky:1 blinky.wasm
  thimble build -t blinky:1 -o blinky.tar thimble.yaml
  thimble build -t blinky:1 --pack blinky.wasm")]
pub(crate) struct BuildArguments {
    /// Name of the image: [REGISTRY/]NAME[:TAG]; may be given several times. Without one, the recipe's name or the file's counts.
    #[arg(short, long, value_name = "REF")]
    pub(crate) tag: Vec<String>,

    /// Write the image to this archive as well.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Drop the names of functions too; backtraces then have only numbers.
    #[arg(long)]
    pub(crate) strip_all: bool,

    /// Cut the module's memory to what it needs, as far as that can be proven, and tell what was done.
    #[arg(long)]
    pub(crate) pack: bool,

    /// With --pack: the stack's size that the module was linked with (wasm-ld's -z stack-size; its own is 64k), where the module does not tell.
    #[arg(long, value_name = "SIZE", requires = "pack")]
    pub(crate) stack_size: Option<String>,

    /// With --pack: give a guest with malloc this much heap and never more, in a memory of exactly what it needs.
    #[arg(long, value_name = "SIZE", requires = "pack")]
    pub(crate) heap: Option<String>,

    /// With --pack: let a guest that receives Ocre's messages hold so much of them at a time; without it, 2k.
    #[arg(long, value_name = "SIZE", requires = "pack")]
    pub(crate) messages: Option<String>,

    /// Fail if the requested grants are not those that the module can use.
    #[arg(long)]
    pub(crate) strict_grants: bool,

    #[command(flatten)]
    pub(crate) output_format: Output,

    /// A folder with thimble.yaml or build.yaml, one of these files, or a .wasm or .wat file.
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,
}

#[derive(Args)]
pub(crate) struct PushArguments {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) output: Output,

    /// The image.
    #[arg(value_name = "REF")]
    pub(crate) image: String,
}

#[derive(Args)]
pub(crate) struct PullArguments {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) output: Output,

    /// The image: [REGISTRY/]NAME[:TAG][@DIGEST].
    #[arg(value_name = "REF")]
    pub(crate) image: String,
}

#[derive(Args)]
pub(crate) struct ImagesArguments {
    /// Show whole digests.
    #[arg(long)]
    pub(crate) digests: bool,

    /// Show digests only.
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) shape: Shape,
}

#[derive(Args)]
pub(crate) struct TagArguments {
    /// The image.
    #[arg(value_name = "REF")]
    pub(crate) image: String,

    /// Its other name.
    #[arg(value_name = "NEW")]
    pub(crate) name: String,
}

#[derive(Args)]
pub(crate) struct RmiArguments {
    #[command(flatten)]
    pub(crate) output: Output,

    /// The images' names.
    #[arg(value_name = "REF", required = true)]
    pub(crate) images: Vec<String>,
}

/// In what images are saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArchiveFormat {
    /// A tar archive of an OCI image layout.
    OciArchive,
    /// A folder that is an OCI image layout.
    OciDir,
}

#[derive(Args)]
pub(crate) struct SaveArguments {
    /// The archive or folder to write; without it, standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// What to write.
    #[arg(long, value_name = "FORMAT", default_value = "oci-archive")]
    pub(crate) format: ArchiveFormat,

    /// The images.
    #[arg(value_name = "REF", required = true)]
    pub(crate) images: Vec<String>,
}

#[derive(Args)]
pub(crate) struct LoadArguments {
    /// The archive or folder to read; without it, standard input.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,

    /// Name the image so, if the archive holds one.
    #[arg(short, long, value_name = "REF")]
    pub(crate) tag: Option<String>,

    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args)]
pub(crate) struct PruneArguments {
    /// Only tell what would be removed.
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args)]
pub(crate) struct FsckArguments {
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args)]
pub(crate) struct SignArguments {
    /// The private key: PEM, PKCS#8 or SEC 1, on the curve P-256.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// The certificate of the key and those that issued it: PEM, its own first.
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: PathBuf,

    /// After this time the signature does not count any more, for example 2160h.
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,

    #[command(flatten)]
    pub(crate) output: Output,

    /// The image.
    #[arg(value_name = "REF")]
    pub(crate) image: String,
}

#[derive(Args)]
pub(crate) struct VerifyArguments {
    /// Trust this root certificate for now, whatever the trust policy says; may be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) output: Output,

    /// The image.
    #[arg(value_name = "REF")]
    pub(crate) image: String,
}

#[derive(Args)]
pub(crate) struct LoginArguments {
    /// The user's name.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) username: Option<String>,

    /// Read the password from standard input.
    #[arg(long)]
    pub(crate) password_stdin: bool,

    #[command(flatten)]
    pub(crate) connection: Connection,

    /// The registry: HOST[:PORT].
    #[arg(value_name = "REGISTRY", default_value = "docker.io")]
    pub(crate) registry: String,
}

#[derive(Args)]
pub(crate) struct LogoutArguments {
    /// The registry: HOST[:PORT].
    #[arg(value_name = "REGISTRY", default_value = "docker.io")]
    pub(crate) registry: String,
}
