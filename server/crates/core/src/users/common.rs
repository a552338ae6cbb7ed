//! Passwords that guessers try first. Invariant: pure data and pure rules; a rule refuses what a list of twelve or
//! more characters would contain, not what merely looks weak.

/// Words that make a common password when only digits and signs stand around them (`Password2024!`).
const WORDS: &[&str] = &[
    "password",
    "passwort",
    "passw0rd",
    "motdepasse",
    "contrasena",
    "wachtwoord",
    "welcome",
    "willkommen",
    "letmein",
    "changeme",
    "default",
    "secret",
    "geheim",
    "admin",
    "administrator",
    "root",
    "superuser",
    "sysadmin",
    "operator",
    "qwerty",
    "qwertz",
    "azerty",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfgh",
    "asdfghjkl",
    "zxcvbn",
    "zxcvbnm",
    "yxcvbnm",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "basketball",
    "superman",
    "batman",
    "dragon",
    "monkey",
    "shadow",
    "master",
    "michael",
    "jennifer",
    "jordan",
    "hunter",
    "trustno",
    "starwars",
    "pokemon",
    "computer",
    "internet",
    "whatever",
    "freedom",
    "liverpool",
    "chelsea",
    "arsenal",
    "barcelona",
    "realmadrid",
    "juventus",
    "spring",
    "summer",
    "autumn",
    "winter",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "friday",
    "sunday",
    "test",
    "testing",
    "tester",
    "demo",
    "guest",
    "user",
    "login",
    "access",
    "server",
    "database",
    "postgres",
    "patroni",
    "kubernetes",
    "docker",
    "openstack",
    "etcd",
    "etcdadmin",
    "cluster",
    "console",
    "cisco",
    "oracle",
    "vmware",
    "ubuntu",
    "debian",
    "redhat",
    "centos",
    "linux",
    "windows",
    "company",
    "temporary",
    "temp",
    "initial",
];

/// Well-known passwords and phrases of twelve or more characters, letters and digits only, in small letters.
const LIST: &[&str] = &[
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "qazwsxedcrfv",
    "qazwsxedc123",
    "q1w2e3r4t5y6",
    "zaq12wsxcde3",
    "zaq1xsw2cde3",
    "1a2b3c4d5e6f",
    "a1b2c3d4e5f6",
    "a1s2d3f4g5h6",
    "asdfqwerzxcv",
    "qweasdzxc123",
    "qweasdzxcrfv",
    "123qweasdzxc",
    "qwe123asd456",
    "qwertyasdfgh",
    "qwertyqwerty",
    "asdfghjklzxc",
    "correcthorsebatterystaple",
    "correcthorse",
    "correcthorsebattery",
    "iloveyouforever",
    "iloveyousomuch",
    "iloveyoubaby",
    "letmeinplease",
    "letmeinletmein",
    "passwordpassword",
    "mypassword",
    "mypassword123",
    "mynewpassword",
    "thisismypassword",
    "thisisapassword",
    "thisisasecret",
    "newpassword",
    "newpassword1",
    "strongpassword",
    "securepassword",
    "supersecret",
    "supersecretpassword",
    "topsecretpassword",
    "secretpassword",
    "passwordsecret",
    "nopasswordneeded",
    "idontknow123",
    "idontremember",
    "ihatepasswords",
    "ihatemyself1",
    "whatismypassword",
    "forgotpassword",
    "rememberthis",
    "rememberme123",
    "trustnoone123",
    "opensesame123",
    "opensesameopen",
    "abracadabra1",
    "abracadabra123",
    "supercalifragilistic",
    "supercalifragilisticexpialidocious",
    "thequickbrownfox",
    "thequickbrownfoxjumps",
    "loremipsumdolor",
    "loremipsumdolorsitamet",
    "maytheforcebewithyou",
    "winteriscoming",
    "youshallnotpass",
    "hakunamatata1",
    "hakunamatata",
    "neverwinternights",
    "lordoftherings",
    "harrypotter123",
    "gameofthrones",
    "leagueoflegends",
    "worldofwarcraft",
    "counterstrike",
    "grandtheftauto",
    "callofduty123",
    "manchesterunited",
    "manchestercity",
    "liverpoolfc123",
    "realmadrid123",
    "redhotchilipeppers",
    "linkinpark123",
    "backstreetboys",
    "onedirection1",
    "justinbieber",
    "taylorswift13",
    "christopher1",
    "elizabeth123",
    "jesuschrist1",
    "jesusislord1",
    "godisgreat123",
    "praisethelord",
    "america12345",
    "california123",
    "newyorkcity1",
    "deutschland1",
    "deutschland123",
    "administrator1",
    "administratorpassword",
    "adminadminadmin",
    "adminpassword",
    "rootpassword",
    "toorroottoor",
    "rootrootroot",
    "rootroottoor",
    "testtesttest",
    "testpassword",
    "guestpassword",
    "userpassword",
    "defaultpassword",
    "changeitchangeit",
    "changemechangeme",
    "changemenow123",
    "pleasechangeme",
    "welcometohell",
    "welcomewelcome",
    "welcometothejungle",
    "letmeinnow123",
    "p4ssw0rdp4ssw0rd",
    "zxcvbnmasdfghjkl",
    "asdfghjklqwertyuiop",
    "poiuytrewqlkj",
    "mnbvcxzlkjhgf",
    "qpwoeirutyal",
    "alskdjfhgqpwo",
    "google123456",
    "facebook1234",
    "samsunggalaxy",
    "microsoft123",
    "windowsxp123",
    "linuxlinuxlinux",
    "kubernetes123",
    "postgrespassword",
    "postgrespostgres",
    "etcdpassword",
    "etcdetcdetcd",
    "databasepassword",
    "serverpassword",
];

/// Rows that fingers run along.
const RUNS: &[&str] = &[
    "012345678901234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1234567890qwertyuiop",
    "1234567890abcdefghij",
];

/// Judges a password of the user `name`.
///
/// # Errors
/// A sentence for the field.
pub(crate) fn check(name: &str, password: &str) -> Result<(), String> {
    let small = password.to_lowercase();
    let plain: String = small.chars().filter(|c| c.is_alphanumeric()).collect();
    if plain.contains("quorate") {
        return Err("Leave the name of this console out of the password".into());
    }
    let own = name.to_lowercase();
    if own.chars().count() >= 3 && small.contains(&own) {
        return Err("Leave your user name out of the password".into());
    }
    let read = unleet(&small);
    // Digits and signs at the ends are decoration ("2024!"), those inside stand for letters ("p@ssw0rd").
    let core = unleet(small.trim_matches(|c: char| !c.is_alphabetic()));
    let bare = [plain.trim_matches(|c: char| c.is_ascii_digit()), core.as_str()];
    let known = |word: &str| WORDS.contains(&word) || LIST.contains(&word);
    let common = known(&plain)
        || known(&read)
        || bare.iter().any(|word| known(word) || unit_of(word).is_some_and(|unit| WORDS.contains(&unit)));
    if common {
        return Err(
            "This is one of the passwords that guessers try first; use another, such as four unrelated words".into()
        );
    }
    if small.chars().collect::<std::collections::HashSet<_>>().len() < 5 || unit_of(&small).is_some() {
        return Err("This repeats a few characters; use another, such as four unrelated words".into());
    }
    if is_run(&plain) {
        return Err("This runs along the keyboard or the alphabet; use another, such as four unrelated words".into());
    }
    Ok(())
}

fn unleet(text: &str) -> String {
    let letter = |c| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        c => c,
    };
    text.chars().map(letter).filter(|c| c.is_alphanumeric()).collect()
}

/// The shortest piece that `text` is a repetition of; none when it is none.
fn unit_of(text: &str) -> Option<&str> {
    (1..=text.len() / 2)
        .filter(|n| text.len().is_multiple_of(*n) && text.is_char_boundary(*n))
        .map(|n| &text[..n])
        .find(|unit| unit.repeat(text.len() / unit.len()) == text)
}

fn is_run(text: &str) -> bool {
    let backwards: String = text.chars().rev().collect();
    text.len() >= 6 && RUNS.iter().any(|run| run.contains(text) || run.contains(&backwards))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_guessers_try_first_is_refused() {
        for bad in [
            "Password1234!",
            "P@ssw0rd-2024",
            "1q2w3e4r5t6y",
            "aaaaaaaaaaaaa",
            "abcabcabcabc",
            "123456789012",
            "qwertyuiopas",
            "Correct horse battery staple",
            "adminadmin123",
            "Summer2026!!!",
            "zyxwvutsrqponm",
            "ilovemyquorate",
            "Welcome12345",
            "administrator",
            "0987654321098",
        ] {
            assert!(check("otto", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_own_name_is_refused_and_plain_phrases_are_not() {
        assert!(check("anna", "my-Anna-tide-lamp").is_err());
        for good in ["tide lamp orbit fig", "kX9#vT2m!qLz", "summer rain on glass roofs", "a2 is a short name ok"] {
            assert_eq!(check("a2b", good), Ok(()), "{good}");
        }
    }
}
