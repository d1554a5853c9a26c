//! What is told of a bug that made a thread panic: where it is, and no values. The
//! message of a panic can be made of whatever was at hand, a secret too (threat X5).

use std::panic::PanicHookInfo;

use tracing::error;

/// Tells of panics from now on.
pub fn install() {
    std::panic::set_hook(Box::new(tell));
}

/// Tells of one: in the log, where there is one.
pub fn tell(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let place = place.unwrap_or_else(|| "an unknown place".to_owned());
    // A message that was written as it stands has no values in it.
    let said = info.payload().downcast_ref::<&'static str>().copied();
    let said = said.unwrap_or("its message has values in it, which are not told");
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("?");
    if tracing::dispatcher::has_been_set() {
        error!(
            place,
            thread, said, "a bug: something panicked; please report it"
        );
    } else {
        eprintln!("error: a bug: `{thread}` panicked at {place}: {said}; please report it");
    }
}
