//! `daybook admin`.

use std::io::Read as _;

use commands::user::{GrantRole, NewPassword, RegisterUser, VerifyEmail};
use commands::{Caller, ExecuteError};
use domain::text::PASSWORD_CHARS;
use domain::user::Role;
use uuid::Uuid;

use super::failed;
use crate::app::real_now;
use crate::boot::Book;
use crate::cli::{AdminAction, Exit, Failed};
use crate::errors::{Language, text};
use crate::password::{Passwords, is_hash};

pub(super) async fn run(action: AdminAction) -> Result<(), Failed> {
    let AdminAction::CreateUser { email, name, phone, roles, hashed, settings } = action;
    let roles = roles.iter().map(|role| role.to_ascii_lowercase().parse::<Role>()).collect::<Result<Vec<_>, _>>();
    let known = || Role::ALL.map(Role::name).join(", ").to_ascii_lowercase();
    let roles = roles.map_err(|error| Failed::new(Exit::Usage, error, format!("roles are {}", known())))?;
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password).map_err(failed)?;
    let given = Given::read(password.trim_end_matches(['\r', '\n']), hashed)?;
    let book = super::serve::open_for(&settings).await?;
    let created = create(&book, RegisterUser { email, name, phone, role: Role::Guest }, &roles, given).await;
    book.close().await;
    println!("{}", created?);
    Ok(())
}

/// What came on standard input.
enum Given {
    Password(String),
    Hash(String),
}

impl Given {
    fn read(text: &str, hashed: bool) -> Result<Self, Failed> {
        match hashed {
            true if is_hash(text) => Ok(Self::Hash(text.to_owned())),
            true => Err(Failed::new(Exit::Refused, "this is no hash of argon2 or bcrypt", "$argon2id$… or $2b$… on standard input")),
            false if PASSWORD_CHARS.contains(&text.chars().count()) => Ok(Self::Password(text.to_owned())),
            false => Err(Failed::new(Exit::Refused, "the password is too short or too long", "8 to 128 characters on standard input")),
        }
    }

    /// As it is kept. How long the password behind a hash is, nobody knows: its own system let it pass.
    async fn kept(self, passwords: &Passwords) -> Result<NewPassword, Failed> {
        match self {
            Self::Hash(phc) => Ok(NewPassword { chars: *PASSWORD_CHARS.start(), phc, mark: String::new() }),
            Self::Password(password) => {
                let chars = password.chars().count();
                Ok(NewPassword { chars, phc: passwords.hash(password).await.map_err(failed)?, mark: String::new() })
            }
        }
    }
}

async fn create(book: &Book, account: RegisterUser, roles: &[Role], given: Given) -> Result<String, Failed> {
    let ctx = &book.app.ctx;
    let password = given.kept(&book.app.passwords).await?;
    let by = || Caller::system("admin", None, Uuid::new_v4());
    let registered = commands::user::register_user(ctx, &by(), &account, &password, real_now()).await;
    let user = registered.map_err(refused)?.value.user;
    let code = commands::user::verification_code(ctx, user, real_now());
    commands::user::verify_email(ctx, &by(), &VerifyEmail { code }, real_now()).await.map_err(refused)?;
    for role in roles {
        commands::user::grant_role(ctx, &by(), &GrantRole { user, role: *role }).await.map_err(refused)?;
    }
    Ok(user.to_string())
}

fn refused(error: ExecuteError) -> Failed {
    match error {
        ExecuteError::Refused { refused, .. } => {
            Failed::new(Exit::Refused, format!("{}: {}", refused.code, text(&refused, Language::En)), "")
        }
        other => failed(other),
    }
}
