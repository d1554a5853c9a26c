//! Logging in to the console: guesses are counted, and a password is the first step of
//! two where an operator has a second factor ([`super::second_step`]).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::second_factor::TRIES;
use super::session::{self, Current, NewSession};
use super::{Email, Operator, get};
use crate::base::{Allowance, Clock, Secret};
use crate::password::{
    Bucket, FAILURES_BEFORE_PAUSE, HashError, Hasher, NotNow, Paused, Pauses, Spread, Throttle,
};
use crate::store::{Step, Store, StoreError, Token, Versioned};

/// After too many guesses. A guess is counted by email and by where it comes
/// from: the browser, if it has logged in as this operator before, else the
/// client's address.
const PAUSES: Pauses = Pauses {
    after: FAILURES_BEFORE_PAUSE,
    first: Duration::from_secs(2),
    longest: Duration::from_secs(300),
};
/// After too many wrong codes for one operator, from wherever strangers' are. Who
/// guesses codes has the password: from many addresses they try one in two minutes.
const CODES_IN_ALL: Pauses = Pauses {
    after: 20,
    first: Duration::from_secs(2),
    longest: Duration::from_secs(120),
};
/// Failures of strangers from one range of addresses, whoever they try.
const BY_RANGE: Allowance = Allowance {
    burst: 10,
    every: Duration::from_secs(30),
};
/// Failures of strangers in all.
const IN_ALL: Allowance = Allowance {
    burst: 20,
    every: Duration::from_secs(6),
};

/// Why nobody is logged in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Email or password; which of them is not said.
    #[error("this email and password don't belong together")]
    Wrong,
    /// Too many guesses.
    #[error("too many attempts; wait {} s and try again", .0.as_secs().max(1))]
    Wait(Duration),
    /// Too much to do, or the hash is broken.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a try comes from.
#[derive(Debug, Clone, Copy)]
pub struct GuessFrom<'a> {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// Whether it is one client's, and not maybe a proxy's.
    pub apart: bool,
    /// The cookie of a browser that logged in before.
    pub device: Option<&'a str>,
}

/// What is guessed at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Guessed {
    Password,
    Code,
}

/// A try that is counted.
pub(super) struct Try {
    guessed: Guessed,
    bucket: Bucket,
    /// Of strangers: what counts wherever they are.
    in_all: Option<Bucket>,
    range: Option<IpAddr>,
}

/// Logs operators in.
pub struct Operators {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    hasher: Hasher,
    passwords: Throttle,
    codes: Throttle,
    codes_in_all: Throttle,
    spread: Spread,
}

impl Operators {
    /// The operators in a store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let throttle = |whose, pauses| Throttle::new(Arc::clone(&store), whose, pauses);
        Self {
            passwords: throttle("operators", PAUSES),
            codes: throttle("operators' codes", PAUSES),
            codes_in_all: throttle("operators' codes in all", CODES_IN_ALL),
            spread: Spread::new(&store, "operators", BY_RANGE, IN_ALL),
            store,
            clock,
            hasher: Hasher::new(),
        }
    }

    /// What hashes passwords.
    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }

    fn throttle(&self, guessed: Guessed) -> &Throttle {
        match guessed {
            Guessed::Password => &self.passwords,
            Guessed::Code => &self.codes,
        }
    }

    /// Begins a try, which counts as failed unless [`Operators::was_right`] or
    /// [`Operators::take_back`] follows.
    pub(super) async fn begin_try(
        &self,
        guessed: Guessed,
        email: &Email,
        from: GuessFrom<'_>,
    ) -> Result<Try, LoginError> {
        let now = self.clock.now();
        let refused = |refused| match refused {
            NotNow::Paused(Paused(left)) => LoginError::Wait(left),
            NotNow::Store(error) => LoginError::Store(error),
        };
        let device = self.device(email, from.device).await?;
        let stranger = device.is_none();
        let place = device.unwrap_or_else(|| Bucket::place(from.address));
        let all = Bucket::of(&[email.as_str()]);
        let tried = Try {
            guessed,
            bucket: Bucket::of(&[email.as_str(), &place]),
            // A browser that its operator used before pays for nobody else's failures.
            in_all: stranger.then_some(all),
            range: from.address.filter(|_| from.apart),
        };
        let throttle = self.throttle(guessed);
        throttle.begin(tried.bucket, now).await.map_err(refused)?;
        if !stranger {
            return Ok(tried);
        }
        if let Err(paused) = self.spread.begin(tried.range, now).await {
            throttle.forgive(tried.bucket, now).await?;
            return Err(refused(paused));
        }
        if guessed == Guessed::Code
            && let Err(paused) = self.codes_in_all.begin(all, now).await
        {
            self.spread.take_back(tried.range, now);
            throttle.forgive(tried.bucket, now).await?;
            return Err(refused(paused));
        }
        Ok(tried)
    }

    /// Takes a try back: nothing was compared.
    pub(super) async fn take_back(&self, tried: &Try) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.throttle(tried.guessed)
            .forgive(tried.bucket, now)
            .await?;
        let Some(all) = tried.in_all else {
            return Ok(());
        };
        self.spread.take_back(tried.range, now);
        match tried.guessed {
            Guessed::Code => self.codes_in_all.forgive(all, now).await,
            Guessed::Password => Ok(()),
        }
    }

    /// A try was wrong, which all brokers count.
    pub(super) async fn was_wrong(&self, tried: &Try) -> Result<(), StoreError> {
        match tried.in_all {
            Some(_) => self.spread.failed(tried.range, self.clock.now()).await,
            None => Ok(()),
        }
    }

    /// A try was right.
    pub(super) async fn was_right(&self, tried: &Try) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.throttle(tried.guessed)
            .succeeded(tried.bucket, now)
            .await?;
        let Some(all) = tried.in_all else {
            return Ok(());
        };
        self.spread.take_back(tried.range, now);
        match tried.guessed {
            Guessed::Code => self.codes_in_all.succeeded(all, now).await,
            Guessed::Password => Ok(()),
        }
    }

    /// The operator whom email and password prove. Whether they are in then is said by
    /// [`Operators::enter`].
    pub async fn check(
        &self,
        email: &str,
        password: &Secret,
        from: GuessFrom<'_>,
    ) -> Result<Versioned<Operator>, LoginError> {
        let email = Email::parse(email).map_err(|_| LoginError::Wrong)?;
        let tried = self.begin_try(Guessed::Password, &email, from).await?;
        let found = get(&*self.store, &email).await?;
        let hash = found
            .as_ref()
            .filter(|operator| !operator.value.disabled)
            .and_then(|operator| operator.value.password.clone());
        let right = match self.hasher.verify(hash.as_ref(), password).await {
            Ok(right) => right,
            Err(HashError::TooLong) => false,
            Err(error) => {
                self.take_back(&tried).await?;
                return Err(error.into());
            }
        };
        let Some(found) = found.filter(|_| right) else {
            self.was_wrong(&tried).await?;
            return Err(LoginError::Wrong);
        };
        self.was_right(&tried).await?;
        Ok(found)
    }

    /// Begins another session for somebody who has one, and ended all they had.
    pub async fn begin_again(
        &self,
        operator: &Versioned<Operator>,
        _who: &Current,
        entry: Step,
    ) -> Result<NewSession, StoreError> {
        self.begin(operator, None, entry).await
    }

    /// Begins a session for someone whose identity is proven. `entry` is its entry in
    /// the audit log: neither is there without the other.
    pub(super) async fn begin(
        &self,
        operator: &Versioned<Operator>,
        through: Option<&str>,
        entry: Step,
    ) -> Result<NewSession, StoreError> {
        let now = self.clock.now();
        let mut found = operator.clone();
        for _ in 0..TRIES {
            let Versioned { value, version } = &found;
            let (session, mut steps) = session::steps_begin(value, *version, through, now)?;
            steps.push(entry.clone());
            match self.store.commit(steps).await {
                Ok(_) => return Ok(session),
                // Maybe they logged in elsewhere at the same moment.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
            let again = get(&*self.store, &operator.value.email).await?;
            found = again
                .filter(|again| again.value.logs_in_like(&operator.value))
                .ok_or(StoreError::Conflict)?;
        }
        Err(StoreError::Conflict)
    }

    async fn device(
        &self,
        email: &Email,
        cookie: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let Some(token) = cookie.and_then(Token::parse) else {
            return Ok(None);
        };
        let known = session::is_device(&*self.store, email, &token).await?;
        Ok(known.then(|| format!("device {}", token.as_str())))
    }

    /// The session of a cookie; `None` if it ended or never was.
    pub async fn find(&self, cookie: &str) -> Result<Option<Current>, StoreError> {
        session::of_cookie(&*self.store, self.clock.now(), cookie).await
    }

    /// Ends the session of a cookie.
    pub async fn log_out(&self, cookie: &str) -> Result<(), StoreError> {
        session::end_browser(&*self.store, cookie).await
    }
}
