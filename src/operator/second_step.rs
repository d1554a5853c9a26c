//! The second step of a login to the console: a code of the operator's second factor.
//!
//! Between the steps there is a half login: for five minutes, in the browser that took
//! the first one. It opens nothing but the page that asks for the code.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::login::{GuessFrom, Guessed, LoginError, Operators};
use super::second_factor::{Proof, TRIES};
use super::session::{self, NewSession};
use super::{Email, Operator, get, step_put};
use crate::base::digest;
use crate::store::{Keyspace, Precondition, Space, Step, StoreError, Token, Version, Versioned};

static HALF: Space = Space::transient("console_half_logins").expiring().sealed();

const SPACE: Keyspace<HalfLogin> = Keyspace::new(&HALF);

/// How long a half login waits for its code.
pub const LIFETIME: Duration = Duration::from_secs(300);

pub(super) fn space() -> &'static Space {
    &HALF
}

/// A login whose first step is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HalfLogin {
    /// Who it is, if the code is right.
    pub operator: Email,
    through: Option<String>,
    /// What the audit log says of the first step.
    how: Value,
    /// The password that proved it, as a digest of its hash: another one ends this.
    password: String,
}

impl HalfLogin {
    /// The provider that vouched for them; `None`: a password did.
    pub fn through(&self) -> Option<&str> {
        self.through.as_deref()
    }
}

/// What became of a first step.
#[derive(Debug)]
pub enum Entered {
    /// There is no other: a session.
    Session(NewSession),
    /// The code is still to come.
    Half(Token),
}

/// Why a code opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The first step is too long ago, or does not count any more.
    #[error("this took too long; sign in again")]
    Ended,
    /// The code.
    #[error("this code is wrong, or was used already; wait for the app's next one and try again")]
    Wrong,
    /// Too many guesses.
    #[error("too many attempts; wait {} s and try again", .0.as_secs().max(1))]
    Wait(Duration),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LoginError> for CodeError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Wait(left) => Self::Wait(left),
            LoginError::Store(error) => Self::Store(error),
            LoginError::Wrong | LoginError::Hash(_) => Self::Wrong,
        }
    }
}

fn fingerprint(operator: &Operator) -> Result<String, StoreError> {
    let json = serde_json::to_vec(&operator.password).map_err(|e| StoreError::Corrupt {
        place: "an operator".into(),
        why: e.to_string(),
    })?;
    Ok(digest::sha256_base64url(&json))
}

impl Operators {
    /// Lets somebody in who took the first step: by a password, or `through` a provider.
    /// `how` is what the audit log says of it, in the entry that `entry` makes.
    pub async fn enter(
        &self,
        operator: &Versioned<Operator>,
        through: Option<&str>,
        how: Value,
        entry: impl Fn(Value) -> Result<Step, StoreError>,
    ) -> Result<Entered, StoreError> {
        if operator.value.second_factor.is_none() {
            let begun = self.begin(operator, through, entry(how)?).await?;
            return Ok(Entered::Session(begun));
        }
        let token = Token::new(self.clock.now().plus(LIFETIME));
        let half = HalfLogin {
            operator: operator.value.email.clone(),
            through: through.map(str::to_owned),
            how,
            password: fingerprint(&operator.value)?,
        };
        let when = Precondition::Absent;
        SPACE.put_by(&*self.store, "", &token, &half, when).await?;
        Ok(Entered::Half(token))
    }

    /// The half login of a cookie; `None` if it ended or never was.
    pub async fn half(&self, cookie: &str) -> Result<Option<HalfLogin>, StoreError> {
        let Some(token) = Token::parse(cookie) else {
            return Ok(None);
        };
        let found = SPACE.get_by(&*self.store, "", &token).await?;
        Ok(found.map(|found| found.value))
    }

    /// Takes the second step. `entry` makes the entry in the audit log of what is said of
    /// both; session, code and entry are one commit.
    pub async fn finish(
        &self,
        cookie: &str,
        typed: &str,
        from: GuessFrom<'_>,
        entry: impl Fn(&Email, Value, Proof) -> Result<Step, StoreError>,
    ) -> Result<NewSession, CodeError> {
        let half = self.half(cookie).await?.ok_or(CodeError::Ended)?;
        let token = Token::parse(cookie).ok_or(CodeError::Ended)?;
        let same = |operator: &Operator| {
            let known = fingerprint(operator)?;
            let same = digest::same(known.as_bytes(), half.password.as_bytes());
            let good = same && !operator.disabled && operator.second_factor.is_some();
            if good { Ok(()) } else { Err(CodeError::Ended) }
        };
        let steps = |operator: &mut Operator, version, proof| {
            same(operator)?;
            let now = self.clock.now();
            let through = half.through.as_deref();
            let (begun, mut steps) = session::steps_begin(operator, version, through, now)?;
            steps.push(entry(&half.operator, half.how.clone(), proof)?);
            Ok((begun, steps))
        };
        self.prove(&half.operator, typed, from, Some(&token), steps)
            .await
    }

    /// Makes a change for which an operator shows a code: `change` changes the record and
    /// gives what else is written with it, the entry in the audit log among it.
    pub async fn change_with_code<T>(
        &self,
        email: &Email,
        typed: &str,
        from: GuessFrom<'_>,
        change: impl Fn(&mut Operator, Proof) -> Result<(T, Vec<Step>), StoreError>,
    ) -> Result<T, CodeError> {
        let steps = |operator: &mut Operator, version, proof| {
            let (given, beside) = change(operator, proof)?;
            let mut steps = step_put(operator, Precondition::Version(version))?;
            steps.extend(beside);
            Ok((given, steps))
        };
        self.prove(email, typed, from, None, steps).await
    }

    /// Counts a guess at an operator's code. If it is right, the half login is used up,
    /// and `steps` gives what is written with the record in which the code is.
    async fn prove<T>(
        &self,
        email: &Email,
        typed: &str,
        from: GuessFrom<'_>,
        half: Option<&Token>,
        steps: impl Fn(&mut Operator, Version, Proof) -> Result<(T, Vec<Step>), CodeError>,
    ) -> Result<T, CodeError> {
        let tried = self.begin_try(Guessed::Code, email, from).await?;
        let mut half = half;
        for _ in 0..TRIES {
            let found = get(&*self.store, email).await?.ok_or(CodeError::Ended)?;
            let mut operator = found.value;
            let factor = operator.second_factor.as_mut().ok_or(CodeError::Ended)?;
            let Some(proof) = factor.take(typed, self.clock.now()) else {
                self.was_wrong(&tried).await?;
                return Err(CodeError::Wrong);
            };
            let (given, steps) = steps(&mut operator, found.version, proof)?;
            // Of many at once with one half login, one goes on.
            if let Some(token) = half.take() {
                let taken = SPACE.take_by(&*self.store, "", token).await?;
                taken.ok_or(CodeError::Ended)?;
            }
            match self.store.commit(steps).await {
                Ok(_) => {
                    self.was_right(&tried).await?;
                    return Ok(given);
                }
                // They were written meanwhile, maybe with this code.
                Err(StoreError::Conflict) => {}
                Err(error) => {
                    self.take_back(&tried).await?;
                    return Err(error.into());
                }
            }
        }
        Err(StoreError::Conflict.into())
    }
}
