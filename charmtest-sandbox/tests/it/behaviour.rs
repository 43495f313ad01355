//! What honest commands find in a sandbox: their files, their exit codes, their signals.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, Stdio};

use charmtest_sandbox::{FAILED, Level, Network, Policy, Request, Sandbox};
use libtest_mimic::{Failed, Trial};
use rustix::process::{Pid, Signal, kill_process};

use crate::bed::{Bed, PROBE, levels, said, sandbox, shim};

/// The argument with which this program asks for more than it can have.
pub(crate) const INNER: &str = "ask-for-level-3";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("the_level_that_was_reached_is_told", level_is_told),
        Trial::test("an_honest_script_works_at_each_level", honest_script),
        Trial::test("exit_codes_and_signals_pass_through", endings),
        Trial::test("a_program_that_cannot_be_started_is_said", not_started),
        Trial::test(
            "a_signal_to_the_command_reaches_the_program_once",
            signal_is_handed_on,
        ),
        Trial::test("nothing_outlives_a_command_with_namespaces", nothing_left),
        Trial::test("all_dies_with_the_shim", dies_with_shim),
        Trial::test(
            "a_socket_of_the_policy_is_reached_with_namespaces",
            socket_of_policy,
        ),
        Trial::test(
            "asking_for_more_than_there_is_is_an_error",
            more_than_there_is,
        ),
        Trial::test("what_is_to_be_hidden_is_never_allowed", hidden_is_refused),
        Trial::test("variables_have_no_effect_on_the_shim", no_effect_on_shim),
    ]
}

fn level_is_told() -> Result<(), Failed> {
    let sandbox = Sandbox::with_shim(&shim(), Request::Auto, Network::Host)?;
    let achieved = sandbox.achieved();
    if achieved.level != PROBE.best() {
        return Err(format!("{achieved} instead of {}", PROBE.best()).into());
    }
    // Which level the hostile commands ran at is part of what this test has to say.
    writeln!(std::io::stderr(), "{achieved}\n{}", PROBE.table())?;
    let text = achieved.to_string();
    let json = serde_json::to_value(achieved)?;
    if !text.contains(&format!("level {}", achieved.level)) || json["level"].is_null() {
        return Err(format!("{text}\n{json}").into());
    }
    let off = Sandbox::with_shim(&shim(), Request::Off, Network::Host)?;
    if off.achieved().level != Level::Plain {
        return Err(off.achieved().to_string().into());
    }
    Ok(())
}

fn honest_script() -> Result<(), Failed> {
    for level in levels() {
        let bed = Bed::new();
        let script = r#"set -eu
            [ "$(pwd)" = "$HOME/../work" ] || [ "$(pwd)" = "$(cd "$HOME/../work" && pwd)" ]
            echo one > file; mkdir d; mv file d/; ln -s d/file link; cat link
            echo two > "$TMPDIR/x"; echo three > "$HOME/.rc"; cat "$TMPDIR/x" "$HOME/.rc"
            cp "$TMPDIR/x" "$HOME/copy"; rm "$TMPDIR/x"
            diff <(echo same) <(echo same)
            printf '#!/bin/sh\necho made\n' > tool; chmod +x tool; ./tool
            getent passwd root | grep -q root; getent hosts localhost | grep -q localhost
            ls /usr/bin | grep -q env; head -c 4 /dev/urandom | wc -c | grep -q 4; date | grep -q .
            cat /dev/null; [ ! -w /dev/null ] || echo gone > /dev/null
            seq 3 | while read n; do echo "$n"; done | tail -1
            ( sleep 0 & wait )
            awk 'BEGIN { print "awk" }'; perl -e 'print "perl\n"'
            grep -q . /proc/$$/status /proc/meminfo
            mkfifo pipe; echo through > pipe & cat pipe; wait
            echo end"#;
        let output = bed.run(&sandbox(level), &bed.policy(), script);
        let text = said(&output);
        if !output.status.success() || text != "one\ntwo\nthree\nmade\n3\nawk\nperl\nthrough\nend\n"
        {
            return Err(format!("at level {level}: {}\n{text}", output.status).into());
        }
    }
    Ok(())
}

fn endings() -> Result<(), Failed> {
    for level in levels() {
        let bed = Bed::new();
        for (script, code, signal) in [
            ("exit 0", Some(0), None),
            ("exit 7", Some(7), None),
            ("exit 255", Some(255), None),
            ("kill -TERM $$", None, Some(15)),
            ("kill -KILL $$", None, Some(9)),
            ("kill -SEGV $$", None, Some(11)),
        ] {
            let output = bed.run(&sandbox(level), &bed.policy(), script);
            if (output.status.code(), output.status.signal()) != (code, signal) {
                return Err(format!("at level {level}: {script}: {output:?}").into());
            }
        }
    }
    Ok(())
}

fn not_started() -> Result<(), Failed> {
    for level in levels() {
        let bed = Bed::new();
        let plain = bed.path("work/plain");
        std::fs::write(&plain, "#!/bin/sh\n")?;
        for (program, code) in [
            ("no-such-program-here", 127),
            (plain.to_str().unwrap_or(""), 126),
        ] {
            let output = sandbox(level)
                .command(&bed.policy(), program, [""; 0])?
                .current_dir(bed.path("work"))
                .stdin(Stdio::null())
                .output()?;
            let text = said(&output);
            if output.status.code() != Some(code) || !text.contains(program) {
                return Err(
                    format!("at level {level}: {program}: {}\n{text}", output.status).into(),
                );
            }
        }
        // A working directory that is not of the sandbox: with a root directory of its own there is no way to be in it.
        if level == Level::Namespaces {
            let output = sandbox(level)
                .command(&bed.policy(), "true", [""; 0])?
                .current_dir(bed.path("user"))
                .output()?;
            if output.status.code() != Some(FAILED.into())
                || !said(&output).contains("policy's paths")
            {
                return Err(format!("{output:?}").into());
            }
        }
    }
    Ok(())
}

fn signal_is_handed_on() -> Result<(), Failed> {
    for level in levels() {
        let bed = Bed::new();
        // The signal comes by way of the shim, and so later than what is written to the command.
        let script = "trap 'echo got; got=1' TERM; echo ready; while [ -z \"$got\" ]; do sleep 0.02; done; \
                      read line; echo \"and $line\"; exit 3";
        let mut child = bed
            .command(&sandbox(level), &bed.policy(), script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("stdout")?).lines();
        expect(lines.next(), "ready")?;
        let pid = Pid::from_raw(child.id().cast_signed()).ok_or("pid")?;
        kill_process(pid, Signal::TERM)?;
        expect(lines.next(), "got")?;
        child.stdin.take().ok_or("stdin")?.write_all(b"end\n")?;
        expect(lines.next(), "and end")?;
        let status = child.wait()?;
        if status.code() != Some(3) {
            return Err(format!("at level {level}: {status}").into());
        }
    }
    Ok(())
}

fn expect(line: Option<std::io::Result<String>>, wanted: &str) -> Result<(), Failed> {
    match line {
        Some(Ok(line)) if line == wanted => Ok(()),
        other => Err(format!("{other:?} instead of {wanted:?}").into()),
    }
}

fn nothing_left() -> Result<(), Failed> {
    if !levels().any(|level| level == Level::Namespaces) {
        return Ok(());
    }
    let bed = Bed::new();
    // What is left over would hold the output open for longer than any test.
    let script = "setsid sleep 100000 & (nohup sleep 100000 &) ; echo end";
    let output = bed.run(&sandbox(Level::Namespaces), &bed.policy(), script);
    if said(&output).contains("end") && output.status.success() {
        Ok(())
    } else {
        Err(said(&output).into())
    }
}

fn dies_with_shim() -> Result<(), Failed> {
    for level in levels() {
        if level < Level::Namespaces {
            continue;
        }
        let bed = Bed::new();
        let mut child = bed
            .command(
                &sandbox(level),
                &bed.policy(),
                "setsid sleep 100000 & trap '' TERM HUP; echo ready; sleep 100000",
            )
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("stdout")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        child.kill()?;
        child.wait()?;
        // The end of the output is the end of the last process that had it.
        output.read_to_string(&mut line)?;
        if line != "ready\n" {
            return Err(line.into());
        }
    }
    Ok(())
}

fn socket_of_policy() -> Result<(), Failed> {
    for level in levels() {
        let bed = Bed::new();
        let path = bed.path("run/broker");
        let listener = UnixListener::bind(&path)?;
        let server = std::thread::spawn(move || {
            if let Ok((mut stream, _)) = listener.accept() {
                let _ = stream.write_all(b"the broker\n");
            }
        });
        let sandbox = sandbox(level);
        let output = bed.run(
            &sandbox,
            &bed.policy().socket(&path),
            r#"perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) and connect(S, sockaddr_un("$ENV{RUN}/broker")) and print <S>'; ls "$RUN""#,
        );
        let answered = said(&output).contains("the broker");
        if answered != sandbox.achieved().unix_sockets() {
            return Err(format!("at level {level}:\n{}", said(&output)).into());
        }
        if !answered {
            drop(std::os::unix::net::UnixStream::connect(&path)?);
        }
        server.join().map_err(|_| "the server")?;
        // Beside it there is nothing.
        if level == Level::Namespaces && said(&output).contains("socket\n") {
            return Err(said(&output).into());
        }
    }
    Ok(())
}

/// Asks, inside a sandbox that allows no namespaces, for namespaces.
pub(crate) fn inner() -> ExitCode {
    let request = Request::Level(Level::Namespaces);
    match Sandbox::with_shim(&shim(), request, Network::Host) {
        Ok(sandbox) => {
            let _ = writeln!(std::io::stdout(), "got {}", sandbox.achieved());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stdout(), "error: {error}");
            ExitCode::from(4)
        }
    }
}

fn more_than_there_is() -> Result<(), Failed> {
    if !levels().any(|level| level == Level::Seccomp) {
        return Ok(());
    }
    let bed = Bed::new();
    let output = sandbox(Level::Seccomp)
        .command(&bed.policy().executable(shim()), shim(), [INNER])?
        .current_dir(bed.path("work"))
        .output()?;
    let text = said(&output);
    if output.status.code() != Some(4) || !text.contains("level 3 (namespaces) was asked for") {
        return Err(text.into());
    }
    let Err(error) = Sandbox::with_shim(&shim(), Request::Level(Level::Landlock), Network::None)
    else {
        return Err("no network without namespaces".into());
    };
    if !error.to_string().contains("needs sandbox level 3") {
        return Err(error.to_string().into());
    }
    Ok(())
}

fn hidden_is_refused() -> Result<(), Failed> {
    let bed = Bed::new();
    let policy = bed.policy().readable(bed.path("."));
    match sandbox(Level::Plain).command(&policy, "true", [""; 0]) {
        Ok(_) => Err("a policy that shows what it hides".into()),
        Err(_) => Ok(()),
    }
}

fn no_effect_on_shim() -> Result<(), Failed> {
    for level in levels() {
        let bed = Bed::new();
        let policy = Policy::system().writable(bed.path("work")).environment([
            ("PATH", "/usr/bin:/bin"),
            ("LD_PRELOAD", "/nowhere/evil.so"),
        ]);
        let output = bed.run(&sandbox(level), &policy, "echo $LD_PRELOAD");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        // ld.so complains for each program that it starts with it: for the command, not for the shim before it.
        if text.matches("/nowhere/evil.so").count() != 1 {
            return Err(format!("at level {level}: {text}").into());
        }
    }
    Ok(())
}
