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

pub(super) async fn run(action: AdminAction) -> Result<(), Failed> {
    let AdminAction::CreateUser { email, name, phone, roles, settings } = action;
    let roles = roles.iter().map(|role| role.parse::<Role>()).collect::<Result<Vec<_>, _>>();
    let roles = roles.map_err(|error| Failed::new(Exit::Usage, error, "roles are named as in the schema, in lower case"))?;
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password).map_err(failed)?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    let chars = password.chars().count();
    if !PASSWORD_CHARS.contains(&chars) {
        return Err(Failed::new(Exit::Refused, "the password is too short or too long", "8 to 128 characters on standard input"));
    }
    let book = super::serve::open_for(&settings).await?;
    let created = create(&book, RegisterUser { email, name, phone, role: Role::Guest }, &roles, password, chars).await;
    book.close().await;
    println!("{}", created?);
    Ok(())
}

async fn create(book: &Book, account: RegisterUser, roles: &[Role], password: String, chars: usize) -> Result<String, Failed> {
    let ctx = &book.app.ctx;
    let phc = book.app.passwords.hash(password).await.map_err(failed)?;
    let by = || Caller::system("admin", None, Uuid::new_v4());
    let registered = commands::user::register_user(ctx, &by(), &account, &NewPassword { chars, phc }, real_now()).await;
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
