// SPDX-License-Identifier: MIT
// What Rust's standard library asks of a kernel: threads and their stacks, futexes (Mutex, Condvar, RwLock, Barrier, park),
// channels, processes (posix_spawn and fork), pipes, files, local sockets, guard pages.
// One line a fact; the exit code is the number of facts that do not hold.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{symlink, FileExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic;
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Barrier, Condvar, Mutex, Once, RwLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A read that the compiler cannot leave out.
fn read<T: Copy>(place: &T) -> T { unsafe { std::ptr::read_volatile(place) } }

fn machine() {
    let cpus: usize = env::var("CPUS").unwrap().parse().unwrap();
    assert_eq!(thread::available_parallelism().unwrap().get(), cpus);
    assert!(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() > 1_600_000_000);
    assert!(env::args().count() >= 1);
    assert!(env::current_exe().unwrap().is_absolute());
}

fn threads() {
    let handles: Vec<_> = (0..200u64).map(|i| thread::spawn(move || i * i)).collect();
    let sum: u64 = handles.into_iter().map(|h| h.join().unwrap()).sum();
    assert_eq!(sum, 2_646_700);
    let mut data = vec![1u64; 100_000];
    thread::scope(|s| {
        for part in data.chunks_mut(25_000) {
            s.spawn(move || part.iter_mut().for_each(|n| *n += 1));
        }
    });
    assert_eq!(data.iter().sum::<u64>(), 200_000);
    // a stack of a chosen size, used nearly to its end
    fn down(n: u32) -> u32 {
        let pad = [n as u8; 256];
        if n == 0 { 0 } else { down(n - 1) + (read(&pad[17]) == n as u8) as u32 }
    }
    let big = thread::Builder::new().name("big".into()).stack_size(64 << 20).spawn(|| {
        assert_eq!(thread::current().name(), Some("big"));
        down(50_000)
    });
    assert_eq!(big.unwrap().join().unwrap(), 50_000);
    // a panic ends its thread only
    panic::set_hook(Box::new(|_| ()));
    let lost = thread::spawn(|| panic!("on purpose")).join().unwrap_err();
    let _ = panic::take_hook();
    assert_eq!(*lost.downcast_ref::<&str>().unwrap(), "on purpose");
}

fn locks() {
    let count = Arc::new(Mutex::new(0));
    let handles: Vec<_> = (0..8).map(|_| {
        let count = Arc::clone(&count);
        thread::spawn(move || for _ in 0..5000 { *count.lock().unwrap() += 1; })
    }).collect();
    handles.into_iter().for_each(|h| h.join().unwrap());
    assert_eq!(*count.lock().unwrap(), 40_000);

    // in turns
    let turn = (Mutex::new(0usize), Condvar::new());
    thread::scope(|s| {
        for me in 0..4 {
            let turn = &turn;
            s.spawn(move || for _ in 0..100 {
                let mut now = turn.1.wait_while(turn.0.lock().unwrap(), |now| *now % 4 != me).unwrap();
                *now += 1;
                turn.1.notify_all();
            });
        }
    });
    assert_eq!(*turn.0.lock().unwrap(), 400);
    let (_, late) = turn.1.wait_timeout(turn.0.lock().unwrap(), Duration::from_millis(20)).unwrap();
    assert!(late.timed_out());

    let map = RwLock::new(HashMap::new());
    thread::scope(|s| {
        for writer in 0..2 {
            let map = &map;
            s.spawn(move || for i in 0..1000 { map.write().unwrap().insert(i * 2 + writer, i); });
        }
        for _ in 0..4 {
            let map = &map;
            s.spawn(move || for i in 0..1000 {
                let map = map.read().unwrap();
                assert!(map.get(&(i * 2)).map_or(true, |&n| n == i));
            });
        }
    });
    assert_eq!(map.read().unwrap().len(), 2000);

    static ONCE: Once = Once::new();
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let barrier = Barrier::new(6);
    let leaders = AtomicUsize::new(0);
    thread::scope(|s| {
        for _ in 0..6 {
            s.spawn(|| for _ in 0..50 {
                ONCE.call_once(|| { RUNS.fetch_add(1, Ordering::SeqCst); });
                if barrier.wait().is_leader() { leaders.fetch_add(1, Ordering::SeqCst); }
            });
        }
    });
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
    assert_eq!(leaders.load(Ordering::SeqCst), 50);
}

fn channels() {
    let (sender, receiver) = mpsc::channel();
    for id in 0..4 {
        let sender = sender.clone();
        thread::spawn(move || for n in 0..5000u64 { sender.send((id, n)).unwrap(); });
    }
    drop(sender);
    let mut last = BTreeMap::new();
    let mut sum = 0;
    for (id, n) in receiver {
        assert_eq!(n, last.get(&id).map_or(0, |l| l + 1)); // each sender's in order
        last.insert(id, n);
        sum += n;
    }
    assert_eq!(sum, 4 * 4999 * 5000 / 2);

    let (sender, receiver) = mpsc::sync_channel(2); // full most of the time
    let (back, answers) = mpsc::sync_channel(0); // a rendezvous
    let worker = thread::spawn(move || for n in receiver { back.send(n * 2).unwrap(); });
    let feeder = thread::spawn(move || for n in 0..1000u32 { sender.send(n).unwrap(); });
    for n in 0..1000 { assert_eq!(answers.recv().unwrap(), n * 2); }
    feeder.join().unwrap();
    worker.join().unwrap();
    assert!(answers.recv().is_err());
    let (_kept, never) = mpsc::channel::<()>();
    assert_eq!(never.recv_timeout(Duration::from_millis(20)), Err(mpsc::RecvTimeoutError::Timeout));
}

fn timing() {
    let begin = Instant::now();
    thread::sleep(Duration::from_millis(30));
    thread::park_timeout(Duration::from_millis(1));
    assert!(begin.elapsed() >= Duration::from_millis(30));
    let main = thread::current();
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let other = thread::spawn(move || {
        set.store(true, Ordering::Release);
        main.unpark();
    });
    while !flag.load(Ordering::Acquire) { thread::park(); }
    other.join().unwrap();
}

fn processes() {
    let out = Command::new("sh").args(["-c", "echo $NAME; pwd; echo error >&2; exit 3"]).env("NAME", "value")
        .current_dir("/usr").output().unwrap();
    assert_eq!(String::from_utf8(out.stdout).unwrap(), "value\n/usr\n");
    assert_eq!(out.stderr, b"error\n");
    assert_eq!(out.status.code(), Some(3));
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = cat.stdin.take().unwrap();
    let data: Vec<u8> = (0..1_000_000u32).map(|i| (i * 7 % 251) as u8).collect();
    let copy = data.clone();
    let writer = thread::spawn(move || input.write_all(&copy).unwrap());
    assert!(cat.wait_with_output().unwrap().stdout == data);
    writer.join().unwrap();
    let mut sleep = Command::new("sleep").arg("1000").spawn().unwrap();
    assert!(sleep.try_wait().unwrap().is_none());
    sleep.kill().unwrap();
    assert_eq!(sleep.wait().unwrap().signal(), Some(9));
    assert_eq!(Command::new("/nowhere").spawn().unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(Command::new("/etc/passwd").spawn().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    // with a hook it is fork and exec; the hook's error comes back through a pipe
    let hooked = unsafe { Command::new("true").pre_exec(|| Err(io::Error::from_raw_os_error(28))).spawn() };
    assert_eq!(hooked.unwrap_err().raw_os_error(), Some(28));
    let group = unsafe { Command::new("sh").args(["-c", "echo $0"]).arg0("named").pre_exec(|| Ok(())).output() };
    assert_eq!(group.unwrap().stdout, b"named\n");
    let handles: Vec<_> = (0..20).map(|i| thread::spawn(move || {
        let out = Command::new("sh").args(["-c", &format!("echo {}", i)]).output().unwrap();
        String::from_utf8(out.stdout).unwrap().trim().parse::<u32>().unwrap()
    })).collect();
    assert_eq!(handles.into_iter().map(|h| h.join().unwrap()).sum::<u32>(), 190);
    let first = Command::new("seq").arg("1000").stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(Command::new("grep").arg("7").stdin(first.stdout.unwrap()).stdout(Stdio::piped()).spawn().unwrap()
        .stdout.unwrap()).lines().count();
    assert_eq!(lines, 271);
}

fn files() {
    let dir = env::temp_dir().join(format!("rust-{}", process::id()));
    fs::create_dir(&dir).unwrap();
    assert_eq!(fs::create_dir(&dir).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    thread::scope(|s| {
        for i in 0..20u8 {
            let name = dir.join(i.to_string());
            s.spawn(move || {
                fs::write(&name, vec![i; 10_000 * i as usize]).unwrap();
                assert_eq!(fs::read(&name).unwrap(), vec![i; 10_000 * i as usize]);
            });
        }
    });
    assert_eq!(fs::read_dir(&dir).unwrap().map(|e| e.unwrap().file_name()).collect::<HashSet<_>>().len(), 20);
    let mut file = fs::File::options().read(true).write(true).create_new(true).open(dir.join("new")).unwrap();
    file.write_all(b"0123456789").unwrap();
    file.write_at(b"abc", 100).unwrap();
    file.seek(SeekFrom::Start(98)).unwrap();
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"\0\0abc");
    file.set_len(5).unwrap();
    file.sync_all().unwrap();
    file.set_permissions(fs::Permissions::from_mode(0o640)).unwrap();
    let meta = file.metadata().unwrap();
    assert_eq!((meta.len(), meta.mode() & 0o7777, meta.nlink()), (5, 0o640, 1));
    fs::hard_link(dir.join("new"), dir.join("second")).unwrap();
    assert_eq!(file.metadata().unwrap().nlink(), 2);
    fs::rename(dir.join("new"), dir.join("moved")).unwrap();
    symlink("moved", dir.join("link")).unwrap();
    assert_eq!(fs::canonicalize(dir.join("link")).unwrap(), dir.canonicalize().unwrap().join("moved"));
    assert_eq!(fs::copy(dir.join("19"), dir.join("copy")).unwrap(), 190_000); // copy_file_range
    assert!(fs::read(dir.join("copy")).unwrap() == vec![19; 190_000]);
    fs::create_dir_all(dir.join("a/b/c")).unwrap();
    fs::remove_dir_all(&dir).unwrap();
    assert!(!dir.exists());
}

fn sockets() {
    let name = env::temp_dir().join(format!("rust-{}.socket", process::id()));
    let listener = UnixListener::bind(&name).unwrap();
    thread::scope(|s| {
        s.spawn(|| for peer in listener.incoming().take(10) {
            let mut peer = peer.unwrap();
            s.spawn(move || { let mut copy = peer.try_clone().unwrap(); io::copy(&mut copy, &mut peer).unwrap(); });
        });
        for i in 0..10u8 {
            let name = &name;
            s.spawn(move || {
                let mut peer = UnixStream::connect(name).unwrap();
                let mut writer = peer.try_clone().unwrap();
                thread::scope(|s| {
                    s.spawn(move || {
                        writer.write_all(&[i; 300_000]).unwrap();
                        writer.shutdown(std::net::Shutdown::Write).unwrap();
                    });
                    let mut got = Vec::new();
                    peer.read_to_end(&mut got).unwrap();
                    assert!(got == vec![i; 300_000]);
                });
            });
        }
    });
    fs::remove_file(&name).unwrap();
    let (a, b) = UnixDatagram::pair().unwrap();
    a.send(b"datagram").unwrap();
    let mut buffer = [0; 100];
    assert_eq!(b.recv(&mut buffer).unwrap(), 8);
    b.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    assert_eq!(b.recv(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

fn memory() {
    thread::scope(|s| {
        for id in 0..4u64 {
            s.spawn(move || {
                let mut keep: HashMap<u64, Vec<u64>> = HashMap::new();
                for n in 0..2000 {
                    keep.insert(n % 100, vec![n * id; 100 + (n as usize * 37) % 5000]);
                }
                assert!((1900..2000).all(|n| keep[&(n % 100)].iter().all(|&v| v == n * id)));
            });
        }
    });
    let mut grown: Vec<u64> = Vec::new(); // realloc of a large block is mremap
    for n in 0..3_000_000 { grown.push(n); }
    assert_eq!(grown[2_345_678], 2_345_678);
    grown.truncate(10);
    grown.shrink_to_fit();
    assert_eq!(grown.iter().sum::<u64>(), 45);
}

/// Runs itself: an overflow of a thread's stack ends in the guard page, a message and SIGABRT.
fn overflow() {
    let out = Command::new(env::current_exe().unwrap()).arg("--overflow").output().unwrap();
    assert!(String::from_utf8_lossy(&out.stderr).contains("has overflowed its stack"), "{:?}", out);
    assert_eq!(out.status.signal(), Some(6));
}

#[allow(unconditional_recursion)]
fn endless(n: u64) -> u64 {
    let pad = [n; 64];
    endless(read(&pad[5]) + 1) + read(&pad[7])
}

fn main() {
    if env::args().nth(1).as_deref() == Some("--overflow") {
        println!("{}", thread::spawn(|| endless(0)).join().unwrap());
        return;
    }
    let tests: [(&str, fn()); 10] = [
        ("what the machine is", machine),
        ("threads", threads),
        ("locks", locks),
        ("channels", channels),
        ("timing", timing),
        ("processes", processes),
        ("files", files),
        ("local sockets", sockets),
        ("memory", memory),
        ("a stack overflow", overflow),
    ];
    let only = env::args().nth(1).unwrap_or_default();
    let mut failed = 0;
    for (name, test) in tests.into_iter().filter(|(name, _)| name.contains(&only)) {
        let begin = Instant::now();
        let held = panic::catch_unwind(test).is_ok();
        failed += !held as i32;
        print!("{} - {}", if held { "ok" } else { "not ok" }, name);
        println!("{}", if env::var("TIMES").is_ok() { format!(" {}", begin.elapsed().as_millis()) } else { String::new() });
    }
    if failed == 0 { println!("all hold"); }
    process::exit(failed);
}
