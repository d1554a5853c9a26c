//! Key files, and a sentence for each thing that can be wrong with them.

use std::path::Path;
use std::time::Duration;

use vestibule::base::Secret;
use vestibule::key::{Algorithm, FileProblem, MAX_FILE_SIZE, SelfSigned, generate, read_key};

use crate::openssl::{Files, PASSWORD, PFX_PASSWORD, document, skipped};
use crate::{HOUR, World};

fn problem(bytes: &[u8], password: Option<&str>) -> FileProblem {
    read_key(bytes, password.map(Secret::new).as_ref()).expect_err("it must not be read")
}

fn kid(bytes: &[u8], password: Option<&str>) -> String {
    let (key, _) = read_key(bytes, password.map(Secret::new).as_ref()).unwrap();
    key.kid().to_owned()
}

#[tokio::test]
async fn the_documents_key_and_certificate() {
    let Some(files) = document() else { return };
    let (key, cert) = (
        files.path("virtocommerce.key"),
        files.path("virtocommerce.crt"),
    );
    let world = World::with_file(&key, Some(PASSWORD), Some(&cert));
    let keys = world.open().await;
    world.prove(&keys);
    let info = keys.list().remove(0);
    assert_eq!((info.algorithm, info.bits), (Algorithm::Rs256, 4096));
    let subject = info.certificate.unwrap().subject;
    assert!(subject.contains("CN=login.platform.test"), "{subject}");
    // No private key came into the data directory, so no master key is needed.
    assert!(!world.dir.path().join("master.key").exists());
}

#[tokio::test]
async fn the_documents_pfx() {
    let Some(files) = document() else { return };
    let expected = kid(&files.read("virtocommerce.key"), Some(PASSWORD));
    let world = World::with_file(&files.path("virtocommerce.pfx"), Some(PFX_PASSWORD), None);
    let keys = world.open().await;
    assert_eq!(keys.active().kid(), expected);
    world.prove(&keys);

    let own = Files::fresh();
    let legacy = own.path("legacy.pfx");
    let line = format!(
        "openssl pkcs12 -export -legacy -out {} -inkey virtocommerce.key -in virtocommerce.crt -passin file:certpass.txt -passout file:pfxpass.txt",
        legacy.display()
    );
    if let Err(error) = files.try_run(&line) {
        skipped(&format!("this openssl makes no legacy PFX: {error}"));
        return;
    }
    let world = World::with_file(&legacy, Some(PFX_PASSWORD), None);
    let keys = world.open().await;
    assert_eq!(keys.active().kid(), expected);
    world.prove(&keys);
}

#[tokio::test]
async fn wrong_and_missing_passwords() {
    let Some(files) = document() else { return };
    for (name, wrong) in [
        ("virtocommerce.key", PFX_PASSWORD),
        ("virtocommerce.pfx", PASSWORD),
    ] {
        let world = World::with_file(&files.path(name), Some(wrong), None);
        let error = world.failure().await;
        assert_eq!(error.code(), "key.file_wrong_password");
        assert!(error.to_string().contains(name), "{error}");
        let world = World::with_file(&files.path(name), None, None);
        assert_eq!(world.failure().await.code(), "key.file_needs_password");
    }
}

#[tokio::test]
async fn certificates_of_other_keys_and_other_times() {
    let Some(files) = document() else { return };
    let (key, cert) = (
        files.path("virtocommerce.key"),
        files.path("virtocommerce.crt"),
    );
    let own = Files::fresh();
    own.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=x -keyout x.key -out x.crt");
    let world = World::with_file(&key, Some(PASSWORD), Some(&own.path("x.crt")));
    let error = world.failure().await;
    assert_eq!(error.code(), "key.certificate_mismatch");
    assert!(error.to_string().contains("x.crt"), "{error}");

    // A bundle in any order is sorted out.
    let bundle = [own.read("x.crt"), files.read("virtocommerce.crt")].concat();
    let bundle = own.write("bundle.crt", bundle);
    let world = World::with_file(&key, Some(PASSWORD), Some(&bundle));
    world.prove(&world.open().await);

    let world = World::with_file(&key, Some(PASSWORD), Some(&cert));
    world.clock.advance(Duration::from_secs(3651 * 86400));
    assert_eq!(world.failure().await.code(), "key.certificate_expired");
    world
        .clock
        .set(vestibule::base::Timestamp::from_secs(1_000_000_000));
    assert_eq!(
        world.failure().await.code(),
        "key.certificate_not_yet_valid"
    );

    let mut world = World::with_file(&key, Some(PASSWORD), Some(&key));
    assert_eq!(world.failure().await.code(), "key.file_no_certificate");
    world.auth.private_key = None;
    assert_eq!(world.failure().await.code(), "key.certificate_without_key");
    let world = World::with_file(&cert, None, None);
    assert_eq!(world.failure().await.code(), "key.file_no_private_key");
    let world = World::with_file(Path::new("/nonexistent/a.key"), None, None);
    assert_eq!(world.failure().await.code(), "key.file_unreadable");
}

#[test]
fn every_form_of_a_private_key() {
    if document().is_none() {
        return;
    }
    let files = Files::fresh();
    files.run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem");
    files.run("openssl ecparam -name prime256v1 -genkey -out ec.pem");
    for name in ["rsa", "ec"] {
        let pem = files.path(&format!("{name}.pem"));
        let pem = pem.display();
        let expected = kid(&files.read(&format!("{name}.pem")), None);
        for (form, password) in [
            ("pkcs8 -topk8 -nocrypt", None),
            ("pkcs8 -topk8 -nocrypt -outform DER", None),
            ("pkey -traditional", None),
            ("pkey -traditional -outform DER", None),
            (
                "pkcs8 -topk8 -v2 aes-256-cbc -passout pass:secret",
                Some("secret"),
            ),
            (
                "pkcs8 -topk8 -v2 aes-128-cbc -outform DER -passout pass:secret",
                Some("secret"),
            ),
            ("pkcs8 -topk8 -v2 des3 -passout pass:secret", Some("secret")),
            (
                "pkcs8 -topk8 -v2 des3 -v2prf hmacWithSHA1 -passout pass:secret",
                Some("secret"),
            ),
            (
                "pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA512 -passout pass:secret",
                Some("secret"),
            ),
            ("pkcs8 -topk8 -scrypt -passout pass:secret", Some("secret")),
        ] {
            files.run(&format!("openssl {form} -in {pem} -out form"));
            let bytes = files.read("form");
            assert_eq!(kid(&bytes, password), expected, "{form}");
            if password.is_some() {
                assert_eq!(
                    problem(&bytes, Some("wrong")),
                    FileProblem::WrongPassword,
                    "{form}"
                );
                assert_eq!(problem(&bytes, None), FileProblem::NeedsPassword, "{form}");
            }
        }
    }
}

#[test]
fn keys_that_are_not_used() {
    if document().is_none() {
        return;
    }
    let files = Files::fresh();
    let made = |line: &str| {
        files.run(&format!("openssl {line}"));
        problem(&files.read("made"), Some("secret")).code()
    };
    assert_eq!(made("genrsa -out made 1024"), "key.file_rsa_too_small");
    assert_eq!(
        made("genrsa -out made -traditional 1024"),
        "key.file_rsa_too_small"
    );
    for kind in [
        "ED25519",
        "RSA-PSS -pkeyopt rsa_keygen_bits:2048",
        "EC -pkeyopt ec_paramgen_curve:P-384",
    ] {
        let line = format!("genpkey -out made -algorithm {kind}");
        assert_eq!(made(&line), "key.file_unsupported_key", "{kind}");
    }
    let old = "genrsa -out made -traditional -aes128 -passout pass:secret 2048";
    assert_eq!(made(old), "key.file_unsupported_encryption");
    files.run("openssl ecparam -name prime256v1 -genkey -out ec.pem");
    let v1 = "pkcs8 -topk8 -v1 PBE-MD5-DES -in ec.pem -passout pass:secret -provider legacy -provider default";
    if files.try_run(&format!("openssl {v1} -out made")).is_ok() {
        let code = problem(&files.read("made"), Some("secret")).code();
        assert_eq!(code, "key.file_unsupported_encryption");
    }
    let twice = [files.read("ec.pem"), files.read("ec.pem")].concat();
    assert_eq!(problem(&twice, None), FileProblem::SeveralKeys(2));
    files.run("openssl pkey -in ec.pem -pubout -out public.pem");
    let public = problem(&files.read("public.pem"), None);
    assert_eq!(public, FileProblem::NoPrivateKey("public key"));
}

/// X8: what would cost too much is refused before the first round.
#[test]
fn x8_costly_files_are_refused_unread() {
    let large = vec![b'x'; MAX_FILE_SIZE + 1];
    assert_eq!(problem(&large, None).code(), "key.file_too_large");
    if document().is_none() {
        return;
    }
    let files = Files::fresh();
    files.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=x -keyout x.key -out x.crt");
    for (line, rounds) in [
        (
            "pkcs8 -topk8 -in x.key -iter 1000001 -passout pass:secret",
            1_000_001,
        ),
        (
            "pkcs12 -export -inkey x.key -in x.crt -iter 1000001 -passout pass:secret",
            1_000_001,
        ),
    ] {
        files.run(&format!("openssl {line} -out costly"));
        let bytes = files.read("costly");
        let limit = 1_000_000;
        assert_eq!(
            problem(&bytes, Some("secret")),
            FileProblem::TooManyRounds { rounds, limit }
        );
    }
    // OpenSSL makes no scrypt of that cost; a block size of 127 in place of 8.
    files.run("openssl pkcs8 -topk8 -in x.key -scrypt -outform DER -passout pass:secret -out one");
    let mut bytes = files.read("one");
    let parameters = [0x02, 0x02, 0x40, 0x00, 0x02, 0x01, 0x08];
    let at = bytes
        .windows(7)
        .position(|window| window == parameters)
        .unwrap();
    bytes[at + 6] = 127;
    let code = problem(&bytes, Some("secret")).code();
    assert_eq!(code, "key.file_too_many_rounds");
}

#[test]
fn what_is_no_key_file() {
    for bytes in [
        b"".as_slice(),
        b"private_key = 7",
        b"\x30\x80\x00\x00",
        b"\x30\x03\x02\x01\x03",
        b"-----BEGIN PRIVATE KEY-----\n",
        b"-----BEGIN \xff-----",
        b"-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n",
    ] {
        let code = problem(bytes, Some("secret")).code();
        assert_eq!(code, "key.file_not_a_key", "{bytes:?}");
    }
    let broken = b"-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n";
    assert_eq!(problem(broken, None), FileProblem::Damaged);
}

/// Damaged in any place, a file gives an error or another key, never a panic.
#[test]
fn damaged_files_do_no_harm() {
    let Some(files) = document() else { return };
    let key = generate(vestibule::key::KeyKind::P256).unwrap();
    let plain = key.to_pem(None).unwrap().expose().as_bytes().to_vec();
    let legacy = Files::fresh();
    legacy.write("plain.pem", &plain);
    legacy.run(
        "openssl pkcs8 -topk8 -in plain.pem -iter 1 -outform DER -passout pass:a -out one.der",
    );
    let pfx = files.read("virtocommerce.pfx");
    for bytes in [plain, legacy.read("one.der"), pfx[..400].to_vec()] {
        for i in 0..bytes.len() {
            for change in [0x01, 0x80] {
                let mut changed = bytes.clone();
                changed[i] ^= change;
                let _ = read_key(&changed, Some(&Secret::new("a")));
            }
            let _ = read_key(&bytes[..i], Some(&Secret::new("a")));
        }
    }
}

/// What we write, OpenSSL reads.
#[test]
fn our_own_files() {
    if document().is_none() {
        return;
    }
    let files = Files::fresh();
    let now = World::new().clock;
    let now = vestibule::base::Clock::now(&now);
    for kind in ["ec", "rsa-2048"] {
        let key = generate(kind.parse().unwrap()).unwrap();
        let password = Secret::new(PASSWORD);
        let text = key.to_pem(Some(&password)).unwrap();
        files.write("own.key", text.expose());
        files.write("pass.txt", PASSWORD);
        assert_eq!(kid(text.expose().as_bytes(), Some(PASSWORD)), key.kid());
        let public = files.run("openssl pkey -in own.key -passin file:pass.txt -pubout");
        assert_eq!(public, key.public_key().to_pem().unwrap());
        let plain = key.to_pem(None).unwrap();
        assert_eq!(kid(plain.expose().as_bytes(), None), key.kid());

        let wanted = SelfSigned {
            common_name: "login.platform.test".to_owned(),
            organization: Some("Platform".to_owned()),
            country: Some("DE".to_owned()),
            alternative_names: vec!["login.platform.test".to_owned(), "127.0.0.1".to_owned()],
            days: 30,
        };
        let certificate = key.self_signed(&wanted, now).unwrap();
        certificate.check_time(now).unwrap();
        certificate.check_time(now.plus(HOUR * 24 * 30)).unwrap();
        assert!(certificate.check_time(now.plus(HOUR * 24 * 31)).is_err());
        files.write("own.crt", certificate.to_pem());
        let at = now.as_secs();
        let verified = files.run(&format!(
            "openssl verify -attime {at} -CAfile own.crt own.crt"
        ));
        assert!(verified.contains("OK"), "{verified}");
        let text = files.run("openssl x509 -in own.crt -noout -text");
        assert!(
            text.contains("DNS:login.platform.test, IP Address:127.0.0.1"),
            "{text}"
        );
        assert!(key.with_certificates(vec![certificate]).is_ok());
    }
}
