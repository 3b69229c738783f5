# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# gcc and make. The fifty-file program stays in /tmp/fifty from one fact to the next.

fact "make -j2 compiles fifty files and links a program that runs" <<'EOF'
mkdir /tmp/fifty
cd /tmp/fifty
for i in $(seq 1 50); do
    printf '#include "all.h"\nint f%d(int x)\n{\n    return x + %d;\n}\n' "$i" "$i" >f"$i".c
    echo "int f$i(int);" >>all.h
    echo "    sum = f$i(sum);" >>calls.h
done
printf '#include "all.h"\n#include <stdio.h>\nint main(void)\n{\n    int sum = 0;\n#include "calls.h"\n    printf("%%d\\n", sum);\n    return sum != 1275;\n}\n' >main.c
cat >Makefile <<'MAKE'
CFLAGS = -pipe -Wall -Werror -MMD
OBJECTS = $(patsubst %.c,%.o,$(wildcard *.c))
program: $(OBJECTS)
	$(CC) -o $@ $^
-include $(OBJECTS:.o=.d)
MAKE
make -j2 >log
[ "$(grep -c -- '-c -o' log)" = 51 ]
[ "$(./program)" = 1275 ]
EOF

fact "make, again: nothing to do" <<'EOF'
cd /tmp/fifty
make -q
[ "$(make -j2)" = "make: 'program' is up to date." ]
EOF

fact "make after one file's change compiles that file alone" <<'EOF'
cd /tmp/fifty
sed -i 's/return x/return 100 + x/' f25.c
fails - make -q
make -j2 >log
[ "$(grep -- '-c -o' log)" = "cc -pipe -Wall -Werror -MMD   -c -o f25.o f25.c" ]
[ "$(wc -l <log)" = 2 ]
fails 1 ./program >log
[ "$(cat log)" = 1375 ]
make -q
EOF

fact "make after a header's change: all that include it, by their .d files" <<'EOF'
cd /tmp/fifty
touch calls.h
[ "$(make -n | grep -c -- '-c -o')" = 1 ]
touch all.h
[ "$(make -n | grep -c -- '-c -o')" = 51 ]
touch -d '1 hour ago' all.h calls.h
make -q
EOF

fact "make -j2 that fails: code 2, the others awaited; -k goes on to the rest" <<'EOF'
cd /tmp/fifty
echo 'int broken(void) { return nothing; }' >>f10.c
touch f1.c f40.c
fails 2 make -j2 -k >log 2>&1
grep -q "f10.c:.*error: .nothing. undeclared" log
grep -q "make: \*\*\* \[<builtin>: f10.o\] Error 1" log
grep -q "Target 'program' not remade because of errors" log
[ f40.o -nt f40.c ]
[ f10.o -ot f10.c ]
fails 2 make -j2 >log 2>&1
sed -i '$d' f10.c
make -j2 >log
[ "$(grep -c -- '-c -o' log)" = 1 ]
EOF

fact "make's job server: a make below shares the two; a recipe that a signal ends" <<'EOF'
mkdir sub
printf 'all: a b c d\na b c d:\n\t@echo $@\n' >sub/Makefile
printf 'all:\n\t+@$(MAKE) --no-print-directory -C sub all\nkilled:\n\t@kill -9 $$$$\nhalf:\n\t@echo x >half; false\n.DELETE_ON_ERROR:\n' >Makefile
[ "$(make -j2 2>&1 | sort | tr '\n' ' ')" = "a b c d " ]
fails 2 make killed >log 2>&1
grep -q "Makefile:4: killed\] Killed" log
fails - make half 2>log
[ ! -e half ]
grep -q "Deleting file 'half'" log
EOF

fact "gcc: a shared library, a static program" <<'EOF'
printf '#include <stdio.h>\nvoid greet(void) { puts("from the library"); }\n' >greet.c
printf 'void greet(void);\nint main(void) { greet(); return 3; }\n' >main.c
gcc -shared -fPIC -o libgreet.so greet.c
gcc -o shared main.c -L. -lgreet -Wl,-rpath,"$PWD"
fails 3 ./shared >out
[ "$(cat out)" = "from the library" ]
ldd shared | has "libgreet.so => $PWD/libgreet.so"
gcc -c greet.c
ar rcs libgreet.a greet.o
gcc -static -o static main.c libgreet.a
fails 3 ./static >out
[ "$(cat out)" = "from the library" ]
EOF

fact -l "gcc -pthread" <<'EOF'
cat >threads.c <<'C'
#include <pthread.h>
static _Atomic int sum;
static _Thread_local int own;
static void *run(void *arg) { for (int i = 0; i < 1000; i++) own++; sum += own; return arg; }
int main(void)
{
    pthread_t t[8];
    for (int i = 0; i < 8; i++) pthread_create(&t[i], 0, run, 0);
    for (int i = 0; i < 8; i++) pthread_join(t[i], 0);
    return sum != 8000;
}
C
gcc -pthread -o threads threads.c
./threads
EOF

fact -l "gcc's own failures: an error, a missing file, nothing left behind in /tmp" <<'EOF'
export TMPDIR=$PWD/tmp
mkdir tmp
echo 'int main(void) { return 0 }' >bad.c
fails 1 gcc -c bad.c 2>err
[ ! -e bad.o ]
grep -q "expected .;." err
fails 1 gcc missing.c 2>err
grep -q 'No such file' err
echo 'int f(void); int main(void) { return f(); }' >link.c
fails 1 gcc link.c 2>err
grep -q 'undefined reference' err
[ -z "$(ls tmp)" ]
EOF
