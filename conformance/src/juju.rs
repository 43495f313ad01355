//! Running `juju`, with a limit on its time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The exit code that stands for a command that was ended because it took too long, as in the recordings.
pub(crate) const TOO_LATE: i32 = 124;

/// How long a command that does not end by itself may take until it says something.
const SPEAKS: Duration = Duration::from_secs(60);

/// How often a state that is waited for is looked at.
const POLL: Duration = Duration::from_millis(10);

/// What a command said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A way to call `juju`: a program, where it keeps its data, and where its commands run.
#[derive(Debug)]
pub(crate) struct Juju {
    program: PathBuf,
    /// The data directory of the embedded controller; a real Juju keeps its own.
    data: Option<PathBuf>,
    /// The data directory of an embedded controller that stands in for a real Juju.
    stand_in: Option<PathBuf>,
    work: PathBuf,
    version: Option<String>,
    /// How many times faster waits pass in the embedded controller.
    time_scale: u32,
}

/// Standard input and variables of one command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Input {
    pub(crate) stdin: Option<String>,
    pub(crate) env: BTreeMap<String, String>,
}

impl Juju {
    /// Makes an embedded controller of its own below `dir`, which speaks as `version` (`3.6` or `4.0`) and in real time.
    pub(crate) fn embedded(charmtest: &Path, dir: &Path, version: &str) -> io::Result<Self> {
        let program = dir.join("juju");
        std::os::unix::fs::symlink(charmtest, &program)?;
        let work = dir.join("work");
        fs::create_dir_all(&work)?;
        Ok(Self {
            program,
            data: Some(dir.join("data")),
            stand_in: None,
            work,
            version: Some(version.to_owned()),
            time_scale: 1,
        })
    }

    /// Uses a `juju` that is there, with the user's own data directory; commands run in `dir`.
    pub(crate) fn real(program: &Path, dir: &Path) -> Self {
        Self {
            program: program.to_owned(),
            data: None,
            stand_in: None,
            work: dir.to_owned(),
            version: None,
            time_scale: 1,
        }
    }

    /// Says that the `juju` is an embedded one with its data in this directory; it is not ended with its last command.
    pub(crate) fn standing_in(mut self, data: Option<&Path>) -> Self {
        self.stand_in = data.map(Path::to_owned);
        self
    }

    /// Makes waits of the embedded controller pass `times` faster; its daemon reads that when it starts.
    pub(crate) fn faster(mut self, times: u32) -> Self {
        self.time_scale = times;
        self
    }

    /// Returns the program.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Returns the data directory of the embedded controller.
    pub(crate) fn data(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// Returns the directory in which commands run.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    /// Runs `juju` for at most `limit`.
    pub(crate) fn call(&self, args: &[String], input: &Input, limit: Duration) -> io::Result<Said> {
        let mut command = Command::new(&self.program);
        command.args(args);
        self.run(command, input, limit, None)
    }

    /// Runs `juju` for a command that ends only by being ended: after `time`, or once it has said something if it `speaks`.
    pub(crate) fn cut_off(
        &self,
        args: &[String],
        input: &Input,
        time: Duration,
        speaks: bool,
    ) -> io::Result<Said> {
        let mut command = Command::new(&self.program);
        command.args(args);
        self.run(command, input, time, speaks.then_some(SPEAKS))
    }

    /// Runs `juju` with words that need no variables and no input.
    pub(crate) fn say(&self, args: &[&str]) -> io::Result<Said> {
        self.say_within(Duration::from_secs(60), args)
    }

    /// The same with another limit.
    pub(crate) fn say_within(&self, limit: Duration, args: &[&str]) -> io::Result<Said> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        self.call(&args, &Input::default(), limit)
    }

    /// Runs another program where `juju` runs.
    pub(crate) fn other(&self, argv: &[String]) -> io::Result<Said> {
        let mut command = Command::new(argv.first().map_or("true", String::as_str));
        command.args(argv.iter().skip(1));
        self.run(command, &Input::default(), Duration::from_secs(60), None)
    }

    /// Returns the status of a model, or `null` when there is none to be had.
    pub(crate) fn status(&self, model: Option<&str>) -> io::Result<Value> {
        let mut args = vec!["status", "--format", "json"];
        args.extend(model.iter().flat_map(|model| ["-m", model]));
        let said = self.say(&args)?;
        Ok(serde_json::from_str(&said.stdout).unwrap_or_default())
    }

    /// Looks until `ready` holds, for at most `limit`; returns whether it came to hold.
    pub(crate) fn wait(
        limit: Duration,
        mut ready: impl FnMut() -> io::Result<bool>,
    ) -> io::Result<bool> {
        let deadline = Instant::now() + limit;
        loop {
            if ready()? {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            std::thread::sleep(POLL);
        }
    }

    fn run(
        &self,
        mut command: Command,
        input: &Input,
        limit: Duration,
        speaks: Option<Duration>,
    ) -> io::Result<Said> {
        let mut stdout = tempfile::tempfile()?;
        let mut stderr = tempfile::tempfile()?;
        for name in ["JUJU_MODEL", "JUJU_CONTROLLER"] {
            command.env_remove(name);
        }
        command.env("TZ", "UTC");
        if let Some(data) = &self.data {
            command
                .env_remove("JUJU_DATA")
                .env("CHARMTEST_DATA", data)
                .env("CHARMTEST_TIME_SCALE", self.time_scale.to_string());
        }
        if let Some(data) = &self.stand_in {
            command.env("CHARMTEST_DATA", data);
        }
        if let Some(version) = &self.version {
            command.env("CHARMTEST_JUJU_VERSION", version);
        }
        let mut child = command
            .envs(&input.env)
            .current_dir(&self.work)
            .stdin(stdin(input.stdin.as_deref())?)
            .stdout(Stdio::from(stdout.try_clone()?))
            .stderr(Stdio::from(stderr.try_clone()?))
            .spawn()?;
        let code = wait(&mut child, limit, speaks.map(|limit| (limit, &stdout)))?;
        Ok(Said {
            code,
            stdout: text(&mut stdout)?,
            stderr: text(&mut stderr)?,
        })
    }
}

impl Drop for Juju {
    fn drop(&mut self) {
        // Its directory is removed by whoever made it.
        self.stop();
    }
}

impl Juju {
    /// Ends the embedded controller with what runs in it; the next command starts it again.
    pub(crate) fn stop(&self) {
        let Some(data) = &self.data else { return };
        let _ = Command::new(&self.program)
            .arg0("cargo-charmtest")
            .args(["charmtest", "controller", "stop"])
            .env("CHARMTEST_DATA", data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

fn stdin(input: Option<&str>) -> io::Result<Stdio> {
    let Some(input) = input else {
        return Ok(Stdio::null());
    };
    let mut file = tempfile::tempfile()?;
    file.write_all(input.as_bytes())?;
    file.rewind()?;
    Ok(Stdio::from(file))
}

/// Waits for a child, and ends it when it takes too long. One that `speaks` first gets the time that it needs to say something.
fn wait(child: &mut Child, limit: Duration, speaks: Option<(Duration, &File)>) -> io::Result<i32> {
    let started = Instant::now();
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code().unwrap_or(-1));
        }
        let too_late = match speaks {
            Some((longest, stdout)) if stdout.metadata()?.len() == 0 => {
                started.elapsed() >= longest
            }
            _ => started.elapsed() >= limit,
        };
        if too_late {
            child.kill()?;
            child.wait()?;
            return Ok(TOO_LATE);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(POLL);
    }
}

fn text(file: &mut File) -> io::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a shell script in the place of `juju`, ended after `time` or, if it `speaks`, not before it has.
    fn run(script: &str, time: Duration, speaks: Option<Duration>) -> Said {
        let dir = tempfile::tempdir().unwrap();
        let juju = Juju::real(Path::new("/bin/sh"), dir.path());
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        juju.run(command, &Input::default(), time, speaks).unwrap()
    }

    #[test]
    fn a_command_is_not_ended_before_it_has_spoken() {
        let short = Duration::from_millis(1);
        let long = Duration::from_secs(60);
        let said = run("sleep 0.3; echo at last; exec sleep 60", short, Some(long));
        assert_eq!((said.code, said.stdout.as_str()), (TOO_LATE, "at last\n"));
        let said = run("exec sleep 60", short, None);
        assert_eq!((said.code, said.stdout.as_str()), (TOO_LATE, ""));
        let said = run("exec sleep 60", short, Some(short));
        assert_eq!((said.code, said.stdout.as_str()), (TOO_LATE, ""));
        assert_eq!(run("exit 3", long, None).code, 3);
    }
}
