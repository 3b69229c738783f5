// SPDX-License-Identifier: MIT
// What Go's runtime asks of a kernel: clone and futexes for its threads, SIGURG to preempt a loop, its own signal stacks,
// the collector's memory (reserve, commit, madvise), epoll for pipes and sockets, timers, processes.
// One line a fact; the exit code is the number of facts that do not hold.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func check(fact bool, what ...any) {
	if !fact {
		panic(fmt.Sprint(what...))
	}
}

func same[T comparable](want, got T) { check(want == got, got, ", not ", want) }

func ok(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	ok(err)
	return value
}

func machine() {
	cpus := must(strconv.Atoi(os.Getenv("CPUS")))
	same(cpus, runtime.NumCPU())
	same(cpus, runtime.GOMAXPROCS(0))
	same(4096, os.Getpagesize())
	same(true, must(os.Hostname()) != "")
	var info syscall.Sysinfo_t
	ok(syscall.Sysinfo(&info))
	mib, want := int(info.Totalram>>20), must(strconv.Atoi(os.Getenv("MEMORY_MIB")))
	check(mib > want*8/10 && mib <= want, mib, " MiB")
}

// The sieve of the language's own tour: a goroutine and a channel for each prime.
func sieve() {
	channel := make(chan int)
	go func(channel chan int) {
		for i := 2; ; i++ {
			channel <- i
		}
	}(channel)
	prime := 0
	for i := 0; i < 100; i++ {
		prime = <-channel
		next := make(chan int)
		go func(in, out chan int, prime int) {
			for {
				if i := <-in; i%prime != 0 {
					out <- i
				}
			}
		}(channel, next, prime)
		channel = next
	}
	same(541, prime)
}

func goroutines() {
	var group sync.WaitGroup
	var lock sync.Mutex
	var count, locked int64
	for i := 0; i < 10000; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			atomic.AddInt64(&count, 1)
			lock.Lock()
			locked++
			lock.Unlock()
		}()
	}
	group.Wait()
	same(int64(10000), count)
	same(int64(10000), locked)
}

// Threads locked to goroutines pass a token: every turn is a futex wait and a wake.
func threads() {
	const members, turns = 8, 200
	ring := make([]chan int, members)
	for i := range ring {
		ring[i] = make(chan int)
	}
	tids := make(chan int, members)
	for i := range ring {
		go func(in, out chan int) {
			runtime.LockOSThread()
			tids <- syscall.Gettid()
			for n := range in {
				out <- n + 1
			}
		}(ring[i], ring[(i+1)%members])
	}
	seen := map[int]bool{}
	for range ring {
		seen[<-tids] = true
	}
	same(members, len(seen))
	ring[0] <- 0
	n := 0
	for i := 0; i < turns; i++ {
		n = <-ring[0]
		if i+1 < turns { // the last one is kept: a token that went on would keep a single processor busy for ever
			ring[0] <- n
		}
	}
	check(n >= turns, n)
}

var sink [16][]byte

func collector() {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var group sync.WaitGroup
	for worker := 0; worker < 4; worker++ {
		group.Add(1)
		go func(worker int) {
			defer group.Done()
			keep := map[int]*[]byte{}
			for n := 0; n < 30000; n++ {
				data := make([]byte, 1024+n%1024)
				data[n%1024] = byte(n)
				keep[n%2000] = &data
			}
			for n := 28000; n < 30000; n++ {
				same(byte(n), (*keep[n%2000])[n%1024])
			}
			for n := 0; n < 20; n++ {
				sink[n%16] = make([]byte, 1<<20)
			}
		}(worker)
	}
	group.Wait()
	runtime.ReadMemStats(&after)
	check(after.NumGC > before.NumGC+3, after.NumGC-before.NumGC, " collections")
	sink = [16][]byte{}
	debug.FreeOSMemory()
	runtime.ReadMemStats(&after)
	check(after.HeapReleased > 0, "nothing released")
	// stacks grow by being copied
	var down func(n int) int
	down = func(n int) int {
		var pad [64]byte
		pad[n%64] = 1
		if n == 0 {
			return 0
		}
		return down(n-1) + int(pad[n%64])
	}
	same(100000, down(100000))
}

// Loops without a call: only a signal (SIGURG) makes room for others, and lets the runtime stop the world.
func preemption() {
	stop := int64(0)
	for i := 0; i < runtime.GOMAXPROCS(0); i++ {
		go func() {
			for n := 0; ; n++ {
				if n&0xfff == 0 && atomic.LoadInt64(&stop) != 0 {
					return
				}
			}
		}()
	}
	var stats runtime.MemStats
	for i := 0; i < 5; i++ {
		time.Sleep(time.Millisecond)
		runtime.ReadMemStats(&stats) // stops the world
	}
	atomic.StoreInt64(&stop, 1)
}

func timers() {
	begin := time.Now()
	order := make(chan int, 3)
	for _, ms := range []int{90, 10, 50} {
		ms := ms
		time.AfterFunc(time.Duration(ms)*time.Millisecond, func() { order <- ms })
	}
	same(150, <-order+<-order+<-order)
	check(time.Since(begin) >= 90*time.Millisecond, "early")
	ticker := time.NewTicker(2 * time.Millisecond)
	for i := 0; i < 10; i++ {
		<-ticker.C
	}
	ticker.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	check(ctx.Err() == context.DeadlineExceeded, ctx.Err())
	check(time.Since(time.Unix(0, 0)) > 0, "the wall clock")
}

func processes() {
	same("hello\n", string(must(exec.Command("echo", "hello").Output())))
	var exit *exec.ExitError
	check(errors.As(exec.Command("sh", "-c", "exit 7").Run(), &exit), "no exit code")
	same(7, exit.ExitCode())
	cat := exec.Command("cat")
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	cat.Stdin = bytes.NewReader(data)
	check(bytes.Equal(data, must(cat.Output())), "cat")
	sleep := exec.Command("sleep", "1000")
	ok(sleep.Start())
	ok(sleep.Process.Signal(syscall.SIGTERM))
	check(errors.As(sleep.Wait(), &exit), "sleep ended well")
	same(syscall.SIGTERM, exit.Sys().(syscall.WaitStatus).Signal())
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	check(exec.CommandContext(ctx, "sleep", "1000").Run() != nil, "a killed sleep ended well")
	_, err := exec.LookPath("nowhere")
	check(errors.Is(err, exec.ErrNotFound), err)
	check(errors.Is(exec.Command("/nowhere").Run(), os.ErrNotExist), "/nowhere")
	var group sync.WaitGroup
	for i := 0; i < 20; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			command := exec.Command("sh", "-c", "cd $DIR && pwd && echo $N >&2")
			command.Env = append(os.Environ(), "DIR=/usr", fmt.Sprint("N=", i))
			same(fmt.Sprintf("/usr\n%d\n", i), string(must(command.CombinedOutput())))
		}(i)
	}
	group.Wait()
}

func signals() {
	got := make(chan os.Signal, 10)
	signal.Notify(got, syscall.SIGUSR1, syscall.SIGHUP, syscall.SIGTERM)
	for _, number := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGHUP, syscall.SIGTERM} {
		ok(syscall.Kill(os.Getpid(), number))
		check(<-got == os.Signal(number), number)
	}
	signal.Ignore(syscall.SIGHUP)
	ok(syscall.Kill(os.Getpid(), syscall.SIGHUP))
	signal.Reset(syscall.SIGHUP)
	// a fault becomes an error
	fault := func() (err error) {
		defer func() { err = recover().(error) }()
		var none *int
		*none = 1
		return nil
	}
	for i := 0; i < 100; i++ {
		check(strings.Contains(fault().Error(), "nil pointer"), "nil pointer")
	}
}

func files() {
	dir := must(os.MkdirTemp("", "go"))
	defer os.RemoveAll(dir)
	var group sync.WaitGroup
	for i := 0; i < 50; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			name := filepath.Join(dir, fmt.Sprint(i))
			data := bytes.Repeat([]byte{byte(i)}, i*1000)
			ok(os.WriteFile(name, data, 0o640))
			check(sha256.Sum256(data) == sha256.Sum256(must(os.ReadFile(name))), name)
			same(0o640, int(must(os.Stat(name)).Mode()))
		}(i)
	}
	group.Wait()
	same(50, len(must(os.ReadDir(dir))))
	ok(os.Rename(dir+"/1", dir+"/renamed"))
	_, err := os.Stat(dir + "/1")
	check(errors.Is(err, os.ErrNotExist), err)
	from := must(os.Open(dir + "/49"))
	to := must(os.Create(dir + "/copy"))
	same(int64(49000), must(io.Copy(to, from)))
	ok(to.Sync())
	ok(to.Close())
	ok(from.Close())
	count := 0
	ok(filepath.Walk(dir, func(string, os.FileInfo, error) error { count++; return nil }))
	same(52, count)
}

// Readers wait in epoll, not in a thread.
func pipes() {
	const pairs = 50
	var group sync.WaitGroup
	sum := int64(0)
	for i := 0; i < pairs; i++ {
		r, w, err := os.Pipe()
		ok(err)
		group.Add(1)
		go func() {
			defer group.Done()
			scanner := bufio.NewScanner(r)
			for scanner.Scan() {
				atomic.AddInt64(&sum, int64(must(strconv.Atoi(scanner.Text()))))
			}
			ok(r.Close())
		}()
		go func() {
			for n := 1; n <= 100; n++ {
				fmt.Fprintln(w, n)
			}
			ok(w.Close())
		}()
	}
	group.Wait()
	same(int64(pairs*5050), sum)
	r, w, err := os.Pipe()
	ok(err)
	ok(r.SetReadDeadline(time.Now().Add(10 * time.Millisecond)))
	_, err = r.Read(make([]byte, 1))
	check(errors.Is(err, os.ErrDeadlineExceeded), err)
	ok(r.Close())
	ok(w.Close())
}

func sockets() {
	name := filepath.Join(os.TempDir(), fmt.Sprint("go-", os.Getpid()))
	listener := must(net.Listen("unix", name))
	go func() {
		for {
			peer, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(peer, peer)
				peer.Close()
			}()
		}
	}()
	var group sync.WaitGroup
	for i := 0; i < 20; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			peer := must(net.Dial("unix", name))
			data := bytes.Repeat([]byte{byte(i)}, 20000)
			go func() {
				must(peer.Write(data))
				ok(peer.(*net.UnixConn).CloseWrite())
			}()
			check(bytes.Equal(data, must(io.ReadAll(peer))), "echo")
			ok(peer.Close())
		}(i)
	}
	group.Wait()
	ok(listener.Close())
}

func run(name string, test func()) (held bool) {
	begin := time.Now()
	defer func() {
		if err := recover(); err != nil {
			fmt.Printf("not ok - %s: %v\n%s\n", name, err, debug.Stack())
		}
	}()
	test()
	took := ""
	if os.Getenv("TIMES") != "" {
		took = fmt.Sprint(" ", time.Since(begin).Milliseconds())
	}
	fmt.Printf("ok - %s%s\n", name, took)
	return true
}

func main() {
	failed := 0
	for _, test := range []struct {
		name string
		run  func()
	}{
		{"what the machine is", machine},
		{"channels: a sieve", sieve},
		{"ten thousand goroutines", goroutines},
		{"threads pass a token", threads},
		{"the collector under load", collector},
		{"loops are preempted", preemption},
		{"timers", timers},
		{"processes", processes},
		{"signals and faults", signals},
		{"files", files},
		{"pipes", pipes},
		{"local sockets", sockets},
	} {
		if (len(os.Args) < 2 || strings.Contains(test.name, os.Args[1])) && !run(test.name, test.run) {
			failed++
		}
	}
	if failed == 0 {
		fmt.Println("all hold")
	}
	os.Exit(failed)
}
