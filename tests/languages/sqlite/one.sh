# SPDX-License-Identifier: MIT
cd /tmp || exit
sqlite3 one.db <<'SQL'
CREATE TABLE word(id INTEGER PRIMARY KEY, text TEXT UNIQUE, n INTEGER);
BEGIN;
WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 20000)
    INSERT INTO word(text, n) SELECT 'word' || (n * 7919 % 20011), n FROM count;
COMMIT;
CREATE INDEX by_n ON word(n);
SELECT count(*), sum(n), min(text), max(text) FROM word;
BEGIN; DELETE FROM word; ROLLBACK;
SELECT count(*) FROM word;
SELECT text FROM word WHERE n BETWEEN 100 AND 102 ORDER BY n;
CREATE VIRTUAL TABLE page USING fts5(body);
INSERT INTO page VALUES ('the image boots'), ('a kernel of its own'), ('the kernel boots an image');
SELECT body FROM page WHERE page MATCH 'kernel AND boots';
SELECT json_extract('{"a":[1,{"b":"deep"}]}', '$.a[1].b');
PRAGMA cache_size = 20;
UPDATE word SET n = n + 1;
SELECT sum(n) FROM word;
PRAGMA mmap_size = 10000000;
SELECT count(*) FROM word WHERE text LIKE '%77%';
VACUUM;
PRAGMA integrity_check;
.backup copy.db
SQL
sqlite3 copy.db 'SELECT count(*) FROM word'
sqlite3 one.db .dump | sqlite3 dumped.db
[ "$(sqlite3 one.db .sha3sum)" = "$(sqlite3 dumped.db .sha3sum)" ] && echo "the dump is the same"
sqlite3 one.db 'INSERT INTO word(text) VALUES ("word1")' 2>&1 | tail -n 1
printf 'a,b\n1,2\n3,4\n' >in.csv
sqlite3 -header -csv :memory: '.import --csv in.csv t' 'SELECT sum(a) AS s, sum(b) AS t FROM t'
