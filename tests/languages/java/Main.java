// SPDX-License-Identifier: MIT
// What a JVM asks of a kernel: the machine's size, threads, monitors and parks (futexes), the collector's memory
// (reserve, commit, uncommit), signals of its own (safepoints by page protection, SIGSEGV, SIGQUIT), processes, files.
// One line a fact; the exit code is the number of facts that do not hold.
import java.io.*;
import java.lang.management.ManagementFactory;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.concurrent.locks.*;
import java.util.stream.*;

public class Main {
    interface Test { void run() throws Exception; }

    static final Map<String, Test> tests = new LinkedHashMap<>();

    static void check(boolean fact, Object what) {
        if (!fact) throw new AssertionError(String.valueOf(what));
    }

    static void same(Object want, Object got) {
        check(Objects.equals(want, got), got + ", not " + want);
    }

    static void machine() {
        Runtime runtime = Runtime.getRuntime();
        same(Integer.parseInt(System.getenv("CPUS")), runtime.availableProcessors());
        long heap = runtime.maxMemory() >> 20, memory = Long.parseLong(System.getenv("MEMORY_MIB"));
        check(heap > memory / 5 && heap <= memory / 3, heap + " MiB of heap"); // a quarter, of what is usable
        var os = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long total = os.getTotalMemorySize() >> 20;
        check(total > memory * 8 / 10 && total <= memory, total + " MiB");
        check(os.getFreeMemorySize() > 0 && os.getFreeMemorySize() < os.getTotalMemorySize(), "free memory");
        check(os.getProcessCpuTime() > 0, "CPU time");
        same(ProcessHandle.current().pid(), (long) Integer.parseInt(self()));
    }

    static String self() {
        try {
            return Files.readSymbolicLink(Path.of("/proc/self")).toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static void threads() throws Exception {
        AtomicInteger count = new AtomicInteger();
        List<Thread> all = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            Thread t = new Thread(count::incrementAndGet);
            t.start();
            all.add(t);
        }
        for (Thread t : all) t.join();
        same(100, count.get());
    }

    static int turns, shared;

    static void monitors() throws Exception {
        Object lock = new Object();
        Thread[] all = new Thread[4];
        for (int i = 0; i < 4; i++) {
            int me = i;
            all[i] = new Thread(() -> {
                for (int n = 0; n < 5000; n++) synchronized (lock) { shared++; }
                for (int n = 0; n < 100; n++) synchronized (lock) {
                    try {
                        while (turns % 4 != me) lock.wait();
                    } catch (InterruptedException e) { return; }
                    turns++;
                    lock.notifyAll();
                }
            });
            all[i].start();
        }
        for (Thread t : all) t.join();
        same(20000, shared);
        same(400, turns);
    }

    static void interrupts() throws Exception {
        Thread sleeper = new Thread(() -> {
            try {
                Thread.sleep(1_000_000);
            } catch (InterruptedException e) { turns = -1; }
        });
        sleeper.start();
        sleeper.interrupt();
        sleeper.join();
        same(-1, turns);
        Thread parked = new Thread(LockSupport::park);
        parked.start();
        LockSupport.unpark(parked);
        parked.join();
        long begin = System.nanoTime();
        LockSupport.parkNanos(50_000_000);
        Thread.sleep(50);
        check(System.nanoTime() - begin >= 50_000_000, "it woke early");
    }

    static void queues() throws Exception {
        BlockingQueue<Integer> queue = new ArrayBlockingQueue<>(10);
        ExecutorService pool = Executors.newFixedThreadPool(4);
        for (int p = 0; p < 2; p++) pool.submit(() -> { for (int i = 1; i <= 2000; i++) queue.put(i); return 0; });
        List<Future<Long>> sums = new ArrayList<>();
        for (int c = 0; c < 2; c++)
            sums.add(pool.submit(() -> { long sum = 0; for (int i = 0; i < 2000; i++) sum += queue.take(); return sum; }));
        same(2L * 2000 * 2001 / 2, sums.get(0).get() + sums.get(1).get());
        pool.shutdown();
        check(pool.awaitTermination(60, TimeUnit.SECONDS), "the pool ends");
        same(true, IntStream.range(0, 100000).parallel().filter(i -> i % 7 == 0).count() == 14286);
        ScheduledExecutorService timer = Executors.newScheduledThreadPool(1);
        CountDownLatch five = new CountDownLatch(5);
        timer.scheduleAtFixedRate(five::countDown, 1, 5, TimeUnit.MILLISECONDS);
        five.await();
        timer.shutdownNow();
        CyclicBarrier barrier = new CyclicBarrier(3);
        Callable<Integer> meet = () -> { for (int i = 0; i < 50; i++) barrier.await(); return 1; };
        ExecutorService three = Executors.newCachedThreadPool();
        int met = 0;
        for (Future<Integer> f : three.invokeAll(List.of(meet, meet, meet))) met += f.get();
        three.shutdown();
        same(3, met);
    }

    static long gcRuns() {
        return ManagementFactory.getGarbageCollectorMXBeans().stream().mapToLong(b -> b.getCollectionCount()).sum();
    }

    static void collector() throws Exception {
        long before = gcRuns();
        Thread[] all = new Thread[2];
        long[] sums = new long[2];
        for (int i = 0; i < 2; i++) {
            int me = i;
            all[i] = new Thread(() -> {
                Map<Integer, byte[]> keep = new HashMap<>();
                for (int n = 0; n < 20000; n++) {
                    byte[] b = new byte[4096];
                    b[n % 4096] = (byte) n;
                    keep.put(n % 5000, b);
                }
                for (int n = 15000; n < 20000; n++) sums[me] += keep.get(n % 5000)[n % 4096] == (byte) n ? 1 : 0;
            });
            all[i].start();
        }
        for (Thread t : all) t.join();
        same(5000L, sums[0]);
        same(5000L, sums[1]);
        System.gc();
        check(gcRuns() > before, "the collector ran");
        try {
            List<long[]> list = new ArrayList<>();
            for (;;) list.add(new long[1 << 23]);
        } catch (OutOfMemoryError e) {
            // the heap is full; the machine is not
        }
        byte[][] again = new byte[50][1 << 20];
        same(0, (int) again[49][77]);
        ByteBuffer direct = ByteBuffer.allocateDirect(32 << 20);
        direct.putLong(32 << 19, 42);
        same(42L, direct.getLong(32 << 19));
    }

    static int depth(int n) { return 1 + depth(n + 1); }

    static void faults() throws Exception {
        // A stack overflow and a null pointer are SIGSEGVs, a division by zero a SIGFPE, that the JVM makes exceptions.
        for (int i = 0; i < 1; i++) {
            try {
                depth(0);
                check(false, "no StackOverflowError");
            } catch (StackOverflowError e) {}
        }
        Thread other = new Thread(() -> { try { depth(0); } catch (StackOverflowError e) { turns = -2; } });
        other.start();
        other.join();
        same(-2, turns);
        int nulls = 0, zeros = 0;
        String[] none = new String[2];
        none[1] = "text";
        for (int i = 0; i < 2000; i++) {
            try {
                if (none[i % 2].length() != 4) nulls = -1;
            } catch (NullPointerException e) { nulls++; }
            try {
                if (1 / (i % 2) != 1) zeros = -1;
            } catch (ArithmeticException e) { zeros++; }
        }
        same(1000, nulls);
        same(1000, zeros);
    }

    static String run(ProcessBuilder builder) throws Exception {
        Process p = builder.redirectErrorStream(true).start();
        p.getOutputStream().close();
        String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return out + p.waitFor();
    }

    static void processes() throws Exception {
        same("hello\n3", run(new ProcessBuilder("sh", "-c", "echo hello; exit 3")));
        ProcessBuilder b = new ProcessBuilder("sh", "-c", "pwd; echo $NAME >&2").directory(new File("/usr"));
        b.environment().put("NAME", "value");
        same("/usr\nvalue\n0", run(b));
        Process cat = new ProcessBuilder("cat").start();
        byte[] data = new byte[300000];
        new Random(1).nextBytes(data);
        Thread writer = new Thread(() -> { try (OutputStream o = cat.getOutputStream()) { o.write(data); } catch (IOException e) {} });
        writer.start();
        check(Arrays.equals(data, cat.getInputStream().readAllBytes()), "what cat returns");
        same(0, cat.waitFor());
        Process sleep = new ProcessBuilder("sleep", "1000").start();
        check(sleep.isAlive() && sleep.toHandle().info().command().get().endsWith("sleep"), "sleep's handle");
        check(ProcessHandle.current().children().anyMatch(h -> h.pid() == sleep.pid()), "children");
        sleep.destroy();
        same(143, sleep.waitFor());
        same(137, kill(new ProcessBuilder("sleep", "1000").start()));
        try {
            new ProcessBuilder("/nowhere").start();
            check(false, "/nowhere started");
        } catch (IOException e) {
            check(e.getMessage().contains("error=2"), e);
        }
        CompletableFuture<?>[] all = new CompletableFuture<?>[10];
        for (int i = 0; i < all.length; i++) all[i] = new ProcessBuilder("true").start().onExit();
        CompletableFuture.allOf(all).get();
        File out = File.createTempFile("out", null);
        same(0, new ProcessBuilder("echo", "to a file").redirectOutput(out).start().waitFor());
        same("to a file\n", Files.readString(out.toPath()));
    }

    static int kill(Process p) throws Exception {
        return p.destroyForcibly().waitFor();
    }

    static void files() throws Exception {
        Path dir = Files.createTempDirectory("java");
        Path f = dir.resolve("f");
        try (FileChannel c = FileChannel.open(f, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MappedByteBuffer m = c.map(FileChannel.MapMode.READ_WRITE, 0, 1 << 20);
            for (int i = 0; i < 1 << 20; i += 4) m.putInt(i, i);
            m.force();
            ByteBuffer b = ByteBuffer.allocate(8);
            same(8, c.read(b, 8000));
            same(8000L << 32 | 8004, b.getLong(0));
            FileLock lock = c.lock();
            check(lock.isValid(), "a record lock");
            lock.release();
            Path g = dir.resolve("g");
            try (FileChannel to = FileChannel.open(g, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
                same((long) 1 << 20, c.transferTo(0, 1 << 20, to));
            }
            same(-1L, Files.mismatch(f, g));
        }
        Files.setPosixFilePermissions(f, PosixFilePermissions.fromString("rw-r-----"));
        same("rw-r-----", PosixFilePermissions.toString(Files.getPosixFilePermissions(f)));
        Files.move(f, dir.resolve("h"), StandardCopyOption.ATOMIC_MOVE);
        Files.createSymbolicLink(dir.resolve("l"), Path.of("h"));
        same(dir.toRealPath().resolve("h"), dir.resolve("l").toRealPath());
        try {
            Files.createDirectory(dir);
            check(false, "made twice");
        } catch (FileAlreadyExistsException e) {}
        try (Stream<Path> s = Files.list(dir)) { same(3L, s.count()); }
        check(Files.getFileStore(dir).getTotalSpace() > 0, "the file store's space");
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        same("05d5d9c721bc99eabb1a23a75d41968a7b10ff1659a1f1e81f1a76157032484b", HexFormat.of().formatHex(sha.digest("slipway".getBytes())));
    }

    static void sockets() throws Exception {
        UnixDomainSocketAddress name = UnixDomainSocketAddress.of(Path.of(System.getProperty("java.io.tmpdir"), "java-" + self()));
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX); Selector selector = Selector.open()) {
            server.bind(name);
            server.configureBlocking(false);
            server.register(selector, SelectionKey.OP_ACCEPT);
            Thread client = new Thread(() -> {
                try (SocketChannel c = SocketChannel.open(name)) {
                    for (int i = 0; i < 100; i++) {
                        c.write(ByteBuffer.wrap(new byte[] {(byte) i}));
                        ByteBuffer b = ByteBuffer.allocate(1);
                        c.read(b);
                        shared += b.get(0);
                    }
                } catch (IOException e) { shared = -1; }
            });
            shared = 0;
            client.start();
            for (boolean open = true; open;) {
                selector.select();
                for (Iterator<SelectionKey> it = selector.selectedKeys().iterator(); it.hasNext(); it.remove()) {
                    SelectionKey key = it.next();
                    if (key.isAcceptable()) {
                        SocketChannel peer = server.accept();
                        peer.configureBlocking(false);
                        peer.register(selector, SelectionKey.OP_READ);
                        continue;
                    }
                    SocketChannel peer = (SocketChannel) key.channel();
                    ByteBuffer b = ByteBuffer.allocate(10);
                    if (peer.read(b) < 0) {
                        peer.close();
                        open = false;
                        continue;
                    }
                    peer.write(b.flip());
                }
            }
            client.join();
            same(4950, shared);
        } finally {
            Files.deleteIfExists(name.getPath());
        }
    }

    static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

    static void compiled() {
        // hot enough for both compilers, which work on threads of their own
        same(832040, fib(30));
        double sum = 0;
        for (int i = 1; i < 2_000_000; i++) sum += 1.0 / i / i;
        check(Math.abs(sum - Math.PI * Math.PI / 6) < 1e-6, sum);
    }

    public static void main(String[] args) {
        tests.put("what the machine is", Main::machine);
        tests.put("compiled code", Main::compiled);
        tests.put("a hundred threads", Main::threads);
        tests.put("monitors", Main::monitors);
        tests.put("interrupts, parks, sleeps", Main::interrupts);
        tests.put("queues, pools, timers, barriers", Main::queues);
        tests.put("the collector under load", Main::collector);
        tests.put("faults become exceptions", Main::faults);
        tests.put("processes", Main::processes);
        tests.put("files", Main::files);
        tests.put("a selector and local sockets", Main::sockets);
        int failed = 0;
        for (Map.Entry<String, Test> test : tests.entrySet()) {
            if (args.length > 0 && !test.getKey().contains(args[0])) continue;
            long begin = System.nanoTime();
            try {
                test.getValue().run();
                System.out.println("ok - " + test.getKey() + (System.getenv("TIMES") != null ? " " + (System.nanoTime() - begin) / 1000000 : ""));
            } catch (Throwable e) {
                failed++;
                System.out.println("not ok - " + test.getKey() + ": " + e);
                e.printStackTrace(System.out);
            }
        }
        System.out.println(failed > 0 ? failed + " failed" : "all hold");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("ended")));
        System.exit(failed);
    }
}
