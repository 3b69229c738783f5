# SPDX-License-Identifier: MIT
# Two processes write and one reads in WAL mode; a writer is killed in a transaction, and the next one recovers.
cd /tmp || exit
sql() { sqlite3 -cmd '.timeout 200000' two.db "$@"; }
for mode in delete wal; do
    sql "PRAGMA journal_mode = $mode; DROP TABLE IF EXISTS log; CREATE TABLE log(writer, n);"
    for writer in 1 2; do
        seq 1 100 | sed "s/.*/INSERT INTO log VALUES ($writer, &);/" | sql &
    done
    while [ "$(sql 'SELECT count(*) FROM log')" -lt 200 ]; do sleep 0.2; done
    wait
    sql 'SELECT writer, count(*), sum(n) FROM log GROUP BY writer; PRAGMA integrity_check'
done
mkfifo hold
sqlite3 -cmd '.timeout 200000' two.db <hold >held &
victim=$!
exec 3>hold
echo 'BEGIN IMMEDIATE; UPDATE log SET n = 0; PRAGMA cache_spill = 1; SELECT "in a transaction";' >&3
until grep -q transaction held; do sleep 0.1; done
sqlite3 two.db 'BEGIN IMMEDIATE' 2>&1
echo "a second writer: $?"
sql 'SELECT sum(n) FROM log'
kill -9 $victim
wait $victim 2>/dev/null
echo "killed: $?"
exec 3>&-
ls two.db*
sql 'UPDATE log SET n = n * 2; SELECT sum(n) FROM log; PRAGMA integrity_check; PRAGMA wal_checkpoint(TRUNCATE)'
ls two.db*
