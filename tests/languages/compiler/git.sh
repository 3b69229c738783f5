# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# git. The repository stays in /tmp/repo from one fact to the next.
export GIT_AUTHOR_NAME=Ann GIT_AUTHOR_EMAIL=ann@example.org GIT_COMMITTER_NAME=Ann GIT_COMMITTER_EMAIL=ann@example.org
export GIT_AUTHOR_DATE="2024-01-01T12:00:00 +0000" GIT_COMMITTER_DATE="2024-01-01T12:00:00 +0000"
export GIT_CONFIG_COUNT=3 GIT_CONFIG_KEY_0=init.defaultBranch GIT_CONFIG_VALUE_0=main
export GIT_CONFIG_KEY_1=advice.detachedHead GIT_CONFIG_VALUE_1=false GIT_CONFIG_KEY_2=gc.auto GIT_CONFIG_VALUE_2=0

fact "git init, add, commit: the ids that the same work has everywhere" <<'EOF'
git init -q /tmp/repo
cd /tmp/repo
mkdir -p src/deep
for i in $(seq 1 30); do seq "$i" $((i + 40)) >src/file"$i"; done
printf '#!/bin/sh\necho run\n' >src/deep/run
chmod +x src/deep/run
ln -s ../src/file1 src/link
git add .
git commit -q -m 'The first'
[ "$(git ls-tree HEAD src/link | cut -c 1-6)" = 120000 ]
[ "$(git ls-tree HEAD src/deep/run | cut -c 1-6)" = 100755 ]
[ -z "$(git status --porcelain)" ]
[ "$(git rev-parse HEAD)" = "$(printf 'tree %s\nauthor %s\ncommitter %s\n\nThe first\n' "$(git write-tree)" \
    'Ann <ann@example.org> 1704110400 +0000' 'Ann <ann@example.org> 1704110400 +0000' | git hash-object -t commit --stdin)" ]
EOF

fact "git status sees what changed: contents, mode, a file gone, a new one; and not a touched one" <<'EOF'
cd /tmp/repo
echo more >>src/file1
chmod -x src/deep/run
rm src/file2
echo new >new
touch src/file3
[ "$(git status --porcelain | tr '\n' ',')" = " M src/deep/run, M src/file1, D src/file2,?? new," ]
[ "$(git diff --numstat src/file1)" = "1	0	src/file1" ]
rm new
git checkout -q -- .
[ -z "$(git status --porcelain)" ]
[ -x src/deep/run ]
EOF

fact "git branch and merge: of two sides, and a conflict that is solved" <<'EOF'
cd /tmp/repo
git checkout -q -b side
sed -i '1s/.*/side/' src/file10
git commit -q -a -m 'Side'
git checkout -q main
sed -i '$s/.*/main/' src/file10
git commit -q -a -m 'Main'
git merge -q -m 'Both' side
[ "$(sed -n '1p;$p' src/file10 | tr '\n' ' ')" = "side main " ]
[ "$(git log --format=%s | sort | tr '\n' ',')" = "Both,Main,Side,The first," ]
git checkout -q -b other HEAD~1
sed -i '1s/.*/other/' src/file10
git commit -q -a -m 'Other'
fails 1 git merge main >"$FACTS/log" 2>&1
grep -q '^CONFLICT (content): Merge conflict in src/file10' "$FACTS/log"
grep -q '^<<<<<<< HEAD' src/file10
git checkout -q --theirs src/file10
git commit -q -a -m 'Solved'
[ -z "$(git status --porcelain)" ]
git checkout -q main
EOF

fact "git rebase, plain and with an editor that reorders and squashes" <<'EOF'
cd /tmp/repo
git checkout -q -b topic main~1
for i in 1 2 3; do echo "$i" >topic"$i"; git add topic"$i"; git commit -q -m "Topic $i"; done
git rebase -q main
[ "$(git merge-base topic main)" = "$(git rev-parse main)" ]
[ "$(git log --format=%s main..)" = "$(printf 'Topic 3\nTopic 2\nTopic 1')" ]
GIT_SEQUENCE_EDITOR="sed -i -e '2s/^pick/fixup/'" git rebase -q -i main
[ "$(git log --format=%s main..)" = "$(printf 'Topic 3\nTopic 1')" ]
git show --stat --format=%s HEAD~1 | has '2 files changed'
git checkout -q main
git merge -q --ff-only topic
[ -z "$(git status --porcelain)" ]
EOF

fact "git clone by path (hard links) and by file:// (upload-pack): the same commits" <<'EOF'
git clone -q /tmp/repo bypath
[ "$(stat -c %h "$(find bypath/.git/objects/?? -type f -print -quit)")" -gt 1 ]
git clone -q file:///tmp/repo byurl
git clone -q --bare --no-hardlinks /tmp/repo bare.git
for clone in bypath byurl bare.git; do
    [ "$(git -C $clone rev-parse HEAD)" = "$(git -C /tmp/repo rev-parse HEAD)" ]
done
diff -r --exclude=.git --no-dereference bypath byurl
EOF

fact -l "git push to a bare repository, fetch and pull from it, a push refused" <<'EOF'
git clone -q --bare /tmp/repo bare.git
git clone -q file://"$PWD"/bare.git one
git clone -q file://"$PWD"/bare.git two
(cd one && echo one >from-one && git add . && git commit -q -m 'From one' && git push -q)
cd two
echo two >from-two
git add .
git commit -q -m 'From two'
fails 1 git push >log 2>&1
grep -q 'rejected.*fetch first' log
git pull -q --rebase
git push -q
[ "$(git -C ../bare.git log -2 --format=%s main)" = "$(printf 'From two\nFrom one')" ]
EOF

fact "git gc packs everything, with threads; fsck --full finds nothing wrong, and finds what is" <<'EOF'
cd /tmp/repo
git -c pack.threads=2 -c gc.reflogExpire=now gc -q --prune=now
[ "$(git count-objects -v | awk '/^count:/ { print $2 }')" = 0 ]
[ "$(git count-objects -v | awk '/^packs:/ { print $2 }')" = 1 ]
git fsck --full --strict 2>&1
git verify-pack -v .git/objects/pack/pack-*.idx | grep '^chain length'
git clone -q . "$FACTS/broken"
cd "$FACTS/broken"
chmod u+w .git/objects/pack/pack-*.pack
cp .git/objects/pack/pack-*.pack own
mv own "$(ls .git/objects/pack/pack-*.pack)"
printf '\377\377\377\377' | dd of="$(ls .git/objects/pack/pack-*.pack)" bs=1 seek=200 conv=notrunc status=none
fails - git fsck --full >log 2>&1
cd /tmp/repo
git fsck --full 2>&1
EOF

fact "git stash: away and back, with untracked files" <<'EOF'
cd /tmp/repo
echo changed >src/file5
echo new >untracked
git stash push -q -u
[ -z "$(git status --porcelain)" ]
[ ! -e untracked ]
git stash pop -q
[ "$(cat src/file5 untracked | tr '\n' ' ')" = "changed new " ]
git checkout -q src/file5
rm untracked
EOF

fact "git worktree: two branches checked out at once" <<'EOF'
cd /tmp/repo
git worktree add -q "$FACTS/tree" side
[ "$(git -C "$FACTS/tree" branch --show-current)" = side ]
[ "$(git worktree list | wc -l)" = 2 ]
echo tree >"$FACTS/tree/in-tree"
git -C "$FACTS/tree" add .
git -C "$FACTS/tree" commit -q -m 'In the tree'
[ "$(git log -1 --format=%s side)" = 'In the tree' ]
fails 128 git checkout -q side 2>err
git worktree remove "$FACTS/tree"
[ ! -e "$FACTS/tree" ]
git worktree prune
EOF

fact "git blame and log -S" <<'EOF'
cd /tmp/repo
[ "$(git blame -s src/file10 | sed -n '1p;$p' | awk '{ print $NF }' | tr '\n' ' ')" = "side main " ]
[ "$(git blame --porcelain src/file10 | grep -c '^summary')" = 3 ]
[ "$(git log -S main --format=%s -- src/file10)" = Main ]
EOF

fact -l "git bisect run" <<'EOF'
git init -q "$FACTS/bisect"
cd "$FACTS/bisect"
for i in $(seq 1 6); do echo "$i" >n; git add n; git commit -q -m "$i"; done
git bisect start HEAD HEAD~5 >"$FACTS/log"
git bisect run sh -c 'test "$(cat n)" -lt 4' >"$FACTS/log" 2>&1
[ "$(git show -s --format=%s refs/bisect/bad)" = 4 ]
EOF

fact "git mv and diff: a rename is found; diff --no-index, format-patch and am" <<'EOF'
cd /tmp/repo
git mv src/file7 src/seven
echo end >>src/seven
git add .
git diff --cached -M --name-status | has '^R[0-9]*	src/file7	src/seven$'
git diff --cached -M >"$FACTS/patch"
grep -q '^rename to src/seven' "$FACTS/patch"
git commit -q -m 'Renamed'
[ "$(git log --follow --format=%s src/seven)" = "$(printf 'Renamed\nThe first')" ]
git format-patch -q -1 -o "$FACTS/mails"
git reset -q --hard HEAD~1
[ -e src/file7 ]
git am -q "$FACTS"/mails/*.patch
[ -e src/seven ]
[ ! -e src/file7 ]
fails 1 git --no-pager diff --no-index src/file8 src/file9 >log
EOF

fact "git hooks: one refuses, one edits the message, one runs after" <<'EOF'
git init -q r
cd r
printf '#!/bin/sh\n! git diff --cached --name-only | grep -q forbidden\n' >.git/hooks/pre-commit
printf '#!/bin/sh\necho "Seen: $GIT_INDEX_FILE" >>"$1"\n' >.git/hooks/commit-msg
printf '#!/bin/sh\ngit rev-parse HEAD >after\n' >.git/hooks/post-commit
chmod +x .git/hooks/{pre-commit,commit-msg,post-commit}
echo x >allowed
git add allowed
git commit -q -m 'Allowed'
git log -1 --format=%B | has '^Seen: .*index$'
[ "$(cat after)" = "$(git rev-parse HEAD)" ]
echo x >forbidden
git add forbidden
fails 1 git commit -q -m 'Forbidden'
[ "$(git rev-list --count HEAD)" = 1 ]
chmod -x .git/hooks/pre-commit
git commit -q -m 'Now' 2>err
grep -q "hook was ignored because it's not set as executable" err
EOF

fact -l "git archive through tar, clean, reset, an index lock that is held" <<'EOF'
cd /tmp/repo
git archive --prefix=out/ HEAD | tar -x -C "$FACTS"
[ "$(find "$FACTS/out" -type f | wc -l)" = "$(git ls-files -s | grep -c ^100)" ]
touch .git/index.lock
fails 128 git add . 2>err
grep -q 'index.lock.*File exists' err
rm .git/index.lock
mkdir junk
touch junk/a b
git clean -q -d -f
[ ! -e junk ]
[ ! -e b ]
git reset -q --hard HEAD~1
git reset -q --hard ORIG_HEAD
git fsck --full 2>&1
EOF
