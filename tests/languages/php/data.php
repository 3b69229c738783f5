<?php
// SPDX-License-Identifier: MIT
// sqlite by PDO and by its own class from two processes, arrays and strings, regular expressions, files, memory, generators.
declare(strict_types=1);

$db = new PDO('sqlite:/tmp/php.db');
$db->exec('PRAGMA journal_mode = WAL');
$db->exec('PRAGMA busy_timeout = 100000');
$db->exec('CREATE TABLE visit(id INTEGER PRIMARY KEY, page TEXT, n INTEGER)');
$db->beginTransaction();
$insert = $db->prepare('INSERT INTO visit(page, n) VALUES (?, ?)');
foreach (range(1, 2000) as $n) {
    $insert->execute(['page' . $n % 7, $n]);
}
$db->commit();
foreach ($db->query('SELECT page, count(*) c, sum(n) s FROM visit GROUP BY page ORDER BY page LIMIT 2', PDO::FETCH_NUM) as $row) {
    echo implode(' ', $row), "\n";
}
unset($db, $insert);
$pids = [];
foreach ([1, 2] as $child) {
    if (($pid = pcntl_fork()) === 0) {
        $own = new SQLite3('/tmp/php.db');
        $own->busyTimeout(100000);
        for ($i = 0; $i < 40; $i++) {
            $own->exec("INSERT INTO visit(page, n) VALUES ('child$child', $i)");
        }
        $own->close();
        exit(0);
    }
    $pids[] = $pid;
}
foreach ($pids as $pid) {
    pcntl_waitpid($pid, $status);
    echo 'writer: ', pcntl_wexitstatus($status), "\n";
}
$db = new SQLite3('/tmp/php.db');
$db->createFunction('twice', fn ($x) => $x * 2);
echo 'rows: ', $db->querySingle('SELECT count(*) FROM visit'), ' ', $db->querySingle("SELECT twice(sum(n)) FROM visit WHERE page LIKE 'child%'"),
    ' ', $db->querySingle('PRAGMA integrity_check'), "\n";

$list = range(1, 100000);
mt_srand(7);
shuffle($list);
sort($list);
echo 'sorted: ', $list[0], ' ', $list[99999], ' ', array_sum(array_filter($list, fn ($n) => $n % 2)), "\n";
$words = [];
for ($i = 0; $i < 50000; $i++) {
    $word = 'w' . $i * 7919 % 5003;
    $words[$word] = ($words[$word] ?? 0) + 1;
}
ksort($words);
echo 'words: ', count($words), ' ', md5(json_encode($words)), "\n";
echo 'replaced: ', md5(preg_replace_callback('/\d+/', fn ($m) => (string) ($m[0] * 3), implode(' ', array_keys($words)))), "\n";
(function () {
    $count = function (int $to) {
        for ($n = 0; $n < $to; $n++) {
            yield $n;
        }
    };
    $sum = 0;
    foreach ($count(50000) as $n) {
        $sum += $n;
    }
    echo 'generator: ', $sum, "\n";
})();
$fiber = new Fiber(function (int $x): string {
    $y = Fiber::suspend($x * 2);
    return "ended with $y";
});
echo 'fiber: ', $fiber->start(21), ' ';
$fiber->resume('this');
echo $fiber->getReturn(), "\n";
echo 'hash: ', substr(hash('sha256', str_repeat('slipway', 20000)), 0, 16), ' ', strlen(gzuncompress(gzcompress(str_repeat('a', 100000)))), "\n";
echo 'password: ', password_verify('secret', password_hash('secret', PASSWORD_BCRYPT, ['cost' => 4])) ? 'right' : 'wrong', "\n";
file_put_contents('/tmp/lines', implode("\n", range(1, 1000)));
file_put_contents('/tmp/lines', "\nlast", FILE_APPEND | LOCK_EX);
$lines = file('/tmp/lines', FILE_IGNORE_NEW_LINES);
echo 'lines: ', count($lines), ' ', end($lines), ' ', filesize('/tmp/lines'), "\n";
mkdir('/tmp/a/b/c', 0755, true);
rename('/tmp/lines', '/tmp/a/b/c/moved');
touch('/tmp/a/b/c/moved', 1000000000);
$found = [];
foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator('/tmp/a', FilesystemIterator::SKIP_DOTS)) as $file) {
    $found[] = $file->getPathname() . ' ' . $file->getMTime();
}
echo 'found: ', implode(', ', $found), "\n";
try {
    new DateTime('nonsense of a date');
} catch (Exception $exception) {
    echo 'exception: ', get_class($exception), "\n";
}
echo 'date: ', (new DateTimeImmutable('2024-02-28 UTC'))->modify('+2 days')->format(DATE_ATOM), "\n";
ini_set('memory_limit', '32M');
register_shutdown_function(function () {
    echo 'shutdown after ', substr(error_get_last()['message'] ?? 'nothing', 0, 27), "\n";
    exit(0);
});
ini_set('display_errors', '0');
ini_set('log_errors', '0');
$eaten = str_repeat('x', 64 << 20);
