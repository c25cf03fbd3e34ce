//! Subcommands of `live` about access: join tokens, certificates that are taken back, and joining as a
//! user.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use intake::Input;
use live::access::{Location, announce};
use live::joining::join;
use live::security::gate::{ADMIN, TokenRow, TokenWish};
use live::security::identity::{Identity, Role};
use live::security::rotation::{RotationStatus, Step};
use live::security::token::Token;

use super::table::aligned;
use super::{ServerArguments, failed};
use cli::{Exit, Failure, Global, output, terminal};

/// Subcommands of `live token`.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a join token and print it; it is shown this once
    Create(CreateArguments),
    /// List the tokens that are valid, without their secrets
    List(ServerArguments),
    /// Delete a token; certificates that were issued by it stay good
    Delete(DeleteArguments),
}

/// Arguments of `live token create`.
#[derive(Clone, Debug, Args)]
pub(super) struct CreateArguments {
    /// Role of those who join
    #[arg(long, value_enum)]
    role: RoleName,
    /// The only name that may join [default: any]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Number of joinings
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    uses: u32,
    /// Time for which the token is valid
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    valid: String,
    #[command(flatten)]
    server: ServerArguments,
}

/// Role of a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoleName {
    /// May do everything.
    Admin,
    /// Reads, and changes workloads and pods.
    Submitter,
    /// Reads.
    Viewer,
    /// Speaks for the node of its own name.
    Agent,
}

impl RoleName {
    const fn role(self) -> Role {
        match self {
            Self::Admin => Role::Admin,
            Self::Submitter => Role::Submitter,
            Self::Viewer => Role::Viewer,
            Self::Agent => Role::Agent,
        }
    }
}

/// Arguments of `live token delete`.
#[derive(Clone, Debug, Args)]
pub(super) struct DeleteArguments {
    /// Identifier of the token, as `live token list` shows it
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    server: ServerArguments,
}

/// Arguments of `live revoke`.
#[derive(Clone, Debug, Args)]
pub(super) struct RevokeArguments {
    /// Party such as `agent/n0` or `viewer/ada`
    #[arg(value_name = "ROLE/NAME")]
    party: Identity,
    #[command(flatten)]
    server: ServerArguments,
}

/// Arguments of `live authority`.
#[derive(Clone, Debug, Args)]
pub(super) struct AuthorityArguments {
    /// Step to take; without one the state is shown
    #[arg(value_name = "STEP")]
    step: Option<StepName>,
    #[command(flatten)]
    server: ServerArguments,
}

/// Step of a rotation.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum StepName {
    /// Make a new authority, which all parties trust from now on
    Add,
    /// Sign with the new authority
    Switch,
    /// Trust the old authority no more
    Drop,
}

/// Arguments of `live login`.
#[derive(Clone, Debug, Args)]
pub(super) struct LoginArguments {
    /// Address of the control server
    #[arg(long, value_name = "ADDRESS")]
    server: SocketAddr,
    /// File with a join token; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// Name of the user
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Folder for the credentials
    #[arg(long, value_name = "DIR", default_value = "windtunnel-live")]
    state: PathBuf,
}

pub(super) fn token(command: &TokenCommand) -> Result<Exit, Failure> {
    match command {
        TokenCommand::Create(arguments) => create(arguments),
        TokenCommand::List(server) => list(server),
        TokenCommand::Delete(arguments) => {
            let wish = json!({"id": arguments.id});
            let client = arguments.server.client()?;
            let was_there: bool = client.post("/v1/tokens/delete", &wish).map_err(failed)?;
            gone(was_there, &format!("token {}", arguments.id), "deleted")
        }
    }
}

fn create(arguments: &CreateArguments) -> Result<Exit, Failure> {
    let wish = TokenWish {
        role: arguments.role.role(),
        name: arguments.name.clone(),
        uses: arguments.uses,
        valid_s: seconds("--valid", &arguments.valid, 1)?,
    };
    let client = arguments.server.client()?;
    let token: String = client.post("/v1/tokens", &wish).map_err(failed)?;
    output::print(format!("{token}\n").as_bytes())?;
    Ok(Exit::Done)
}

fn list(server: &ServerArguments) -> Result<Exit, Failure> {
    let rows: Vec<TokenRow> = server.client()?.get("/v1/tokens").map_err(failed)?;
    let mut table = vec![
        ["ID", "ROLE", "NAME", "USES", "VALID"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for row in rows {
        table.push(vec![
            row.id,
            row.role.name().to_owned(),
            row.name.unwrap_or_else(|| "any".to_owned()),
            row.uses.to_string(),
            units::Duration::from_secs(row.valid_s).to_string(),
        ]);
    }
    output::print(aligned(&table).as_bytes())?;
    Ok(Exit::Done)
}

pub(super) fn revoke(arguments: &RevokeArguments) -> Result<Exit, Failure> {
    let party = arguments.party.to_string();
    let client = arguments.server.client()?;
    let was_there: bool = client
        .post("/v1/revoke", &json!({"party": party}))
        .map_err(failed)?;
    gone(was_there, &party, "revoked")
}

pub(super) fn authority(arguments: &AuthorityArguments) -> Result<Exit, Failure> {
    let client = arguments.server.client()?;
    let status: RotationStatus = match arguments.step {
        None => client.get("/v1/authority"),
        Some(step) => {
            let step = match step {
                StepName::Add => Step::Add,
                StepName::Switch => Step::Switch,
                StepName::Drop => Step::Drop,
            };
            client.post("/v1/authority", &json!({"step": step}))
        }
    }
    .map_err(failed)?;
    let mut table = vec![row("signs", &status.signs)];
    table.extend(status.trusted.iter().map(|pin| row("trusted", pin)));
    table.push(row("next", status.next.name()));
    table.extend(status.behind.iter().map(|party| row("behind", party)));
    output::print(aligned(&table).as_bytes())?;
    Ok(Exit::Done)
}

fn row(what: &str, value: &str) -> Vec<String> {
    vec![what.to_owned(), value.to_owned()]
}

pub(super) fn login(global: &Global, arguments: &LoginArguments) -> Result<Exit, Failure> {
    let token = read_token(&arguments.token_file)?;
    let (address, folder) = (arguments.server, &arguments.state);
    let joined = join(address, &token, &arguments.name, folder, ADMIN);
    joined.map_err(Failure::input)?;
    let location = Location {
        address,
        is_plain: false,
    };
    announce(folder, location).map_err(Failure::incomplete)?;
    if !global.is_quiet() {
        terminal::complain(&format!(
            "joined {address} as `{}`; use `--state {}`",
            arguments.name,
            folder.display()
        ));
    }
    Ok(Exit::Done)
}

/// The token in a file.
pub(super) fn read_token(file: &Path) -> Result<Token, Failure> {
    let text = Input::path(file).read_to_string().map_err(Failure::input)?;
    text.parse()
        .map_err(|error| Failure::input(format!("{}: {error}", file.display())))
}

/// A duration in seconds, at least a number of them.
pub(super) fn seconds(option: &str, text: &str, least: i64) -> Result<i64, Failure> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::input(format!("{option}: `{text}`: {why}; expected such as `24h`"))
    };
    let duration: units::Duration = text.parse().map_err(|error| wrong(&error))?;
    let seconds = duration.as_nanos() / 1_000_000_000;
    if seconds < least {
        return Err(wrong(&format!("expected at least {least}s")));
    }
    Ok(seconds)
}

fn gone(was_there: bool, what: &str, done: &str) -> Result<Exit, Failure> {
    if !was_there {
        return Err(Failure::input(format!("{what}: there is none")));
    }
    output::print(format!("{what} {done}\n").as_bytes())?;
    Ok(Exit::Done)
}
