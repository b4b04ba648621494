//! `thimble fleet tokens`, `users` and `tenants`: who may do what.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use thimble_hub_api::identity::{
    NewTenant, NewToken, NewUser, Role, Roles, Tenant, Token, User, UserChange,
};

use crate::arguments::Shape;
use crate::device::table;
use crate::failure::Failure;
use crate::observer::printable;
use crate::output::{Output, write};

use super::fields::{ISSUED_TOKEN, REMOVED, TENANT, TOKEN, USER};
use super::prompt;
use super::session::Session;
use super::words::{ago, second, time};

#[derive(Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
pub(super) struct NameArguments {
    #[command(flatten)]
    shape: Shape,

    /// Its name or id.
    #[arg(value_name = "NAME")]
    name: String,
}

/// What can be done with tokens.
#[derive(Subcommand)]
#[command(defer = true)]
pub(super) enum TokensCommand {
    /// List tokens: yours, or those of all users for an admin.
    Ls(ListArguments),
    /// Make a token for a program; it is shown once.
    Create(TokenArguments),
    /// End a token.
    Rm(NameArguments),
}

#[derive(Args)]
pub(super) struct TokenArguments {
    /// What it may do at most: no more than you.
    #[arg(long, value_name = "ROLE")]
    role: Option<RoleName>,

    /// How long it lasts: 12h, 90d.
    #[arg(long, value_name = "TIME", default_value = "90d")]
    lifetime: String,

    /// Show the token alone, for other programs.
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    shape: Shape,

    /// What it is for.
    #[arg(value_name = "NAME")]
    name: String,
}

/// What can be done with users.
#[derive(Subcommand)]
#[command(defer = true)]
pub(super) enum UsersCommand {
    /// List users.
    Ls(ListArguments),
    /// Make a user.
    Create(UserArguments),
    /// Say what a user may do, all of it.
    Roles(RolesArguments),
    /// Give a user another password, which ends their sessions.
    Password(PasswordArguments),
    /// Keep a user from signing in.
    Disable(NameArguments),
    /// Let a user sign in again.
    Enable(NameArguments),
    /// Remove a user with their tokens.
    Rm(NameArguments),
}

#[derive(Args)]
pub(super) struct UserArguments {
    /// What the user may do.
    #[arg(long, value_name = "ROLE")]
    role: Vec<RoleName>,

    /// Read the password from a file; `-` is standard input. Without this it is asked for.
    #[arg(long, value_name = "FILE", conflicts_with = "no_password")]
    password_file: Option<PathBuf>,

    /// Give no password: the user has tokens alone.
    #[arg(long)]
    no_password: bool,

    #[command(flatten)]
    shape: Shape,

    /// The user's name; an address of mail, for example.
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Args)]
pub(super) struct RolesArguments {
    #[command(flatten)]
    shape: Shape,

    /// The user's name or id.
    #[arg(value_name = "NAME")]
    name: String,

    /// The roles; none takes them all.
    #[arg(value_name = "ROLE")]
    roles: Vec<RoleName>,
}

#[derive(Args)]
pub(super) struct PasswordArguments {
    /// Read the password from a file; `-` is standard input. Without this it is asked for.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    #[command(flatten)]
    shape: Shape,

    /// The user's name or id.
    #[arg(value_name = "NAME")]
    name: String,
}

/// What can be done with tenants.
#[derive(Subcommand)]
#[command(defer = true)]
pub(super) enum TenantsCommand {
    /// List the tenants that you can ask for.
    Ls(ListArguments),
    /// Make a tenant below the one that is asked for.
    Create(NameArguments),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RoleName {
    /// Reads.
    Viewer,
    /// Changes devices, labels, apps, deployments and rollouts.
    Operator,
    /// Approves devices and rollouts.
    Approver,
    /// Those of information technology: apps, deployments and rollouts.
    It,
    /// Those of the plant: approves, holds, windows and vetoes.
    Ot,
    /// Everything, users and tokens too.
    Admin,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Operator => Self::Operator,
            RoleName::Approver => Self::Approver,
            RoleName::It => Self::It,
            RoleName::Ot => Self::Ot,
            RoleName::Admin => Self::Admin,
        }
    }
}

/// Carries out a command about tokens.
pub(super) fn tokens(command: &TokensCommand, session: &Session) -> Result<(), Failure> {
    match command {
        TokensCommand::Ls(arguments) => {
            let output = Output::new(&arguments.shape, TOKEN)?;
            let tokens = session.all(async |paged| session.client.tokens(&paged).await)?;
            output.list(&tokens, || token_rows(&tokens))
        }
        TokensCommand::Create(arguments) => create_token(arguments, session),
        TokensCommand::Rm(arguments) => remove(arguments, |id| {
            session.about(id, session.client.revoke_token(id))
        }),
    }
}

fn token_rows(tokens: &[Token]) -> String {
    let head = ["ID", "FOR", "USER", "ROLE", "MADE", "UNTIL"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(tokens.iter().map(|token| {
        vec![
            token.id.clone(),
            printable(&token.name),
            printable(&token.user),
            token.role.map_or("its user's", Role::name).to_owned(),
            ago(token.created_at),
            second(token.expires_at),
        ]
    }));
    table(&rows)
}

fn create_token(arguments: &TokenArguments, session: &Session) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, ISSUED_TOKEN)?;
    let new = NewToken {
        name: arguments.name.clone(),
        role: arguments.role.map(Role::from),
        lifetime_s: time("--lifetime", &arguments.lifetime)?.as_secs(),
    };
    let issued = session.ask(session.client.create_token(&new))?;
    let token = printable(&issued.token);
    if arguments.quiet && output.is_text() {
        return write(&format!("{token}\n"));
    }
    output.one(&issued, || {
        format!(
            "{token}\n\nIt ends {} and is not shown again; its id is {}.\n",
            second(issued.expires_at),
            issued.id
        )
    })
}

/// Carries out a command about users.
pub(super) fn users(command: &UsersCommand, session: &Session) -> Result<(), Failure> {
    match command {
        UsersCommand::Ls(arguments) => {
            let output = Output::new(&arguments.shape, USER)?;
            let users = session.all(async |paged| session.client.users(&paged).await)?;
            output.list(&users, || user_rows(&users))
        }
        UsersCommand::Create(arguments) => create_user(arguments, session),
        UsersCommand::Roles(arguments) => {
            let roles = Roles {
                roles: arguments.roles.iter().copied().map(Role::from).collect(),
            };
            let name = arguments.name.as_str();
            let user = session.about(name, session.client.set_roles(name, &roles))?;
            tell(&arguments.shape, &user)
        }
        UsersCommand::Password(arguments) => {
            let change = UserChange {
                password: Some(password(arguments.password_file.as_ref())?),
                disabled: None,
            };
            change_user(&arguments.shape, &arguments.name, &change, session)
        }
        UsersCommand::Disable(arguments) => switch(arguments, true, session),
        UsersCommand::Enable(arguments) => switch(arguments, false, session),
        UsersCommand::Rm(arguments) => remove(arguments, |name| {
            session.about(name, session.client.remove_user(name))
        }),
    }
}

fn user_rows(users: &[User]) -> String {
    let head = ["NAME", "ROLES", "SIGNS IN", "MADE"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(users.iter().map(|user| {
        let signs_in = match (user.is_disabled, user.is_local) {
            (true, _) => "no",
            (false, true) => "here",
            (false, false) => "at a provider",
        };
        vec![
            printable(&user.name),
            role_names(&user.roles),
            signs_in.to_owned(),
            ago(user.created_at),
        ]
    }));
    table(&rows)
}

fn role_names(roles: &[Role]) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    names.join(", ")
}

fn create_user(arguments: &UserArguments, session: &Session) -> Result<(), Failure> {
    let new = NewUser {
        name: arguments.name.clone(),
        password: if arguments.no_password {
            None
        } else {
            Some(password(arguments.password_file.as_ref())?)
        },
        roles: arguments.role.iter().copied().map(Role::from).collect(),
    };
    let user = session.about(&new.name, session.client.create_user(&new))?;
    tell(&arguments.shape, &user)
}

/// A password; typed, it is asked for twice.
fn password(file: Option<&PathBuf>) -> Result<String, Failure> {
    let password = prompt::secret("Password", file.map(PathBuf::as_path))?;
    let is_typed = file.is_none() && std::io::IsTerminal::is_terminal(&std::io::stdin());
    if is_typed && prompt::ask_hidden("Again")? != password {
        return Err(Failure::device(
            "reading the password",
            "the second time it was another",
        ));
    }
    Ok(password)
}

fn switch(arguments: &NameArguments, disabled: bool, session: &Session) -> Result<(), Failure> {
    let change = UserChange {
        password: None,
        disabled: Some(disabled),
    };
    change_user(&arguments.shape, &arguments.name, &change, session)
}

fn change_user(
    shape: &Shape,
    name: &str,
    change: &UserChange,
    session: &Session,
) -> Result<(), Failure> {
    let user = session.about(name, session.client.change_user(name, change))?;
    tell(shape, &user)
}

fn tell(shape: &Shape, user: &User) -> Result<(), Failure> {
    Output::new(shape, USER)?.one(user, || {
        let disabled = if user.is_disabled {
            ", may not sign in"
        } else {
            ""
        };
        let roles = match user.roles.as_slice() {
            [] => "no roles".to_owned(),
            roles => role_names(roles),
        };
        format!("{}: {roles}{disabled}\n", printable(&user.name))
    })
}

/// Carries out a command about tenants.
pub(super) fn tenants(command: &TenantsCommand, session: &Session) -> Result<(), Failure> {
    match command {
        TenantsCommand::Ls(arguments) => {
            let output = Output::new(&arguments.shape, TENANT)?;
            let tenants = session.all(async |paged| session.client.tenants(&paged).await)?;
            output.list(&tenants, || tenant_rows(&tenants))
        }
        TenantsCommand::Create(arguments) => {
            let output = Output::new(&arguments.shape, TENANT)?;
            let new = NewTenant {
                name: arguments.name.clone(),
            };
            let tenant = session.about(&new.name, session.client.create_tenant(&new))?;
            output.one(&tenant, || {
                let name = printable(&tenant.name);
                format!("{name}: made; `--tenant {name}` asks for it\n")
            })
        }
    }
}

fn tenant_rows(tenants: &[Tenant]) -> String {
    let head = ["NAME", "BELOW", "MADE"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(tenants.iter().map(|tenant| {
        let parent = tenant.parent.as_ref();
        let named = tenants.iter().find(|other| Some(&other.id) == parent);
        vec![
            printable(&tenant.name),
            named.map_or_else(
                || parent.cloned().unwrap_or_default(),
                |named| printable(&named.name),
            ),
            ago(tenant.created_at),
        ]
    }));
    table(&rows)
}

fn remove(
    arguments: &NameArguments,
    work: impl FnOnce(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let output = Output::new(&arguments.shape, REMOVED)?;
    let name = arguments.name.as_str();
    work(name)?;
    output.one(&serde_json::json!({ "name": name }), || {
        format!("{}: removed\n", printable(name))
    })
}
