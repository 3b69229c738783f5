<?php
// SPDX-License-Identifier: MIT
// pcntl (fork, wait, signals, alarm), posix, proc_open, stream sockets of AF_UNIX, System V IPC, locks on files.
declare(strict_types=1);

$codes = [];
foreach (range(0, 9) as $n) {
    $pid = pcntl_fork();
    if ($pid === 0) {
        exit($n);
    }
    $codes[$pid] = $n;
}
$right = 0;
while (($pid = pcntl_wait($status)) > 0) {
    $right += (int) (pcntl_wifexited($status) && pcntl_wexitstatus($status) === $codes[$pid]);
}
echo "forks: $right ", pcntl_strerror(pcntl_get_last_error()), "\n";

$pipes = [];
$process = proc_open(['sh', '-c', 'read x; echo "out $x $COLOUR"; pwd; echo err >&2; exit 7'],
    [['pipe', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes, '/usr', ['COLOUR' => 'blue', 'PATH' => getenv('PATH')]);
fwrite($pipes[0], "word\n");
fclose($pipes[0]);
echo 'proc_open: ', json_encode([stream_get_contents($pipes[1]), stream_get_contents($pipes[2])]), ' ';
array_map('fclose', array_slice($pipes, 1));
echo proc_close($process), "\n";
$data = random_bytes(300000);
$process = proc_open('cat', [['pipe', 'r'], ['pipe', 'w']], $pipes);
stream_set_blocking($pipes[0], false);
stream_set_blocking($pipes[1], false);
$back = '';
for ($sent = 0; strlen($back) < strlen($data);) {
    [$read, $write, $except] = [[$pipes[1]], $sent < strlen($data) ? [$pipes[0]] : [], null];
    stream_select($read, $write, $except, 60);
    if ($write) {
        $sent += fwrite($pipes[0], substr($data, $sent, 65536));
    }
    if ($read) {
        $back .= fread($pipes[1], 65536);
    }
}
array_map('fclose', $pipes);
echo 'through cat: ', $back === $data ? 'same' : 'different', ' ', proc_close($process), "\n";
$process = proc_open(['sleep', '1000'], [], $pipes);
$status = proc_get_status($process);
echo 'running: ', json_encode($status['running']), ' ';
proc_terminate($process, SIGKILL);
pcntl_waitpid($status['pid'], $status);
echo 'killed by ', pcntl_wtermsig($status), "\n";
exec('echo one; echo two; exit 4', $lines, $code);
echo 'exec: ', implode(' ', $lines), " $code, ", trim(shell_exec('echo $((6 * 7))')), "\n";

pcntl_async_signals(true);
$got = [];
foreach ([SIGUSR1, SIGALRM, SIGCHLD] as $signal) {
    pcntl_signal($signal, function (int $signal, array $info) use (&$got) {
        $got[$signal] = $info['code'] ?? 0;
    });
}
posix_kill(posix_getpid(), SIGUSR1);
pcntl_alarm(1);
if (pcntl_fork() === 0) {
    exit(0);
}
while (count($got) < 3) {
    usleep(10000);
}
pcntl_wait($status);
ksort($got);
echo 'signals: ', implode(' ', array_keys($got)), ' CLD_EXITED: ', $got[SIGCHLD], "\n";
pcntl_sigprocmask(SIG_BLOCK, [SIGUSR2]);
posix_kill(posix_getpid(), SIGUSR2);
echo 'sigtimedwait: ', pcntl_sigtimedwait([SIGUSR2], $info, 10) === SIGUSR2 ? 'yes' : 'no', ' ',
    $info['pid'] === posix_getpid() ? 'of my own' : 'of another', "\n";

$server = stream_socket_server('unix:///tmp/php.socket');
foreach (range(1, 3) as $n) {
    if (pcntl_fork() === 0) {
        $client = stream_socket_client('unix:///tmp/php.socket');
        fwrite($client, "client $n\n");
        exit(fgets($client) === "hello client $n\n" ? 0 : 1);
    }
}
foreach (range(1, 3) as $n) {
    $client = stream_socket_accept($server, 60);
    fwrite($client, 'hello ' . fgets($client));
    fclose($client);
}
$codes = [];
while (pcntl_wait($status) > 0) {
    $codes[] = pcntl_wexitstatus($status);
}
echo 'server: ', implode(' ', $codes), "\n";
[$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
if (pcntl_fork() === 0) {
    fwrite($theirs, strrev(fgets($theirs)));
    exit(0);
}
fwrite($ours, "pair\n");
echo 'pair: ', json_encode(fread($ours, 100)), "\n";
pcntl_wait($status);

$memory = shm_attach(ftok(__FILE__, 'm'), 100000);
$semaphore = sem_get(ftok(__FILE__, 's'));
$queue = msg_get_queue(ftok(__FILE__, 'q'));
shm_put_var($memory, 1, 0);
foreach (range(1, 3) as $n) {
    if (pcntl_fork() === 0) {
        for ($i = 0; $i < 50; $i++) {
            sem_acquire($semaphore);
            shm_put_var($memory, 1, shm_get_var($memory, 1) + 1);
            sem_release($semaphore);
        }
        msg_send($queue, $n, ['from' => $n]);
        exit(0);
    }
}
$from = 0;
foreach (range(1, 3) as $n) {
    msg_receive($queue, 0, $type, 1000, $message);
    $from += $message['from'];
}
while (pcntl_wait($status) > 0);
echo 'System V: ', shm_get_var($memory, 1), " $from\n";
shm_remove($memory);
sem_remove($semaphore);
msg_remove_queue($queue);

$file = fopen('/tmp/lock', 'c+');
flock($file, LOCK_EX);
$other = fopen('/tmp/lock', 'c+');
echo 'locked: ', json_encode(flock($other, LOCK_EX | LOCK_NB, $blocks)), " $blocks\n";
echo 'ids: ', json_encode([posix_getuid(), posix_getpid() === getmypid(), posix_getpgid(0) === posix_getpgrp(), posix_isatty(0)]), "\n";
echo 'limits: ', json_encode(array_key_exists('soft openfiles', posix_getrlimit())), ' ', posix_getpwuid(0)['dir'], ' ', posix_uname()['sysname'], "\n";
pcntl_exec('/bin/sh', ['-c', 'echo "exec: $1"', 'sh', 'replaced']);
