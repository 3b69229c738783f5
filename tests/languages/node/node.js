// SPDX-License-Identifier: MIT
// What V8 and libuv ask of a kernel. One line a fact; the exit code is the number of facts that do not hold.
'use strict';
const assert = require('assert');
const { execFile, execFileSync, exec, fork, spawn, spawnSync } = require('child_process');
const crypto = require('crypto');
const { once } = require('events');
const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');
const { pipeline } = require('stream/promises');
const { setTimeout: sleep } = require('timers/promises');
const { promisify } = require('util');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const zlib = require('zlib');

const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');
const tests = {};

// The number of primes below n; long enough for the optimizing compiler, which makes its code on a thread of its own.
function primes(n) {
    const composite = new Uint8Array(n);
    let count = 0;
    for (let i = 2; i < n; i++) {
        if (composite[i]) continue;
        count++;
        for (let j = i * 2; j < n; j += i) composite[j] = 1;
    }
    return count;
}

tests['what the machine is'] = () => {
    assert.strictEqual(os.cpus().length, Number(process.env.CPUS));
    const mib = os.totalmem() / 2 ** 20;
    assert(mib > 0.8 * process.env.MEMORY_MIB && mib <= Number(process.env.MEMORY_MIB), `${mib} MiB`);
    assert(os.freemem() > 0 && os.freemem() < os.totalmem());
    assert.strictEqual(os.platform(), 'linux');
    assert(process.memoryUsage().rss > 10e6);
    assert(process.cpuUsage().user > 0);
    assert(process.resourceUsage().maxRSS > 10000);
};

tests['compiled code'] = () => {
    assert.strictEqual(primes(200000), 17984);
    let sum = 0;
    for (let i = 0; i < 300; i++) sum += primes(1000);
    assert.strictEqual(sum, 300 * 168);
    // A new function each time: the code space is written and run in turns (mprotect).
    for (let i = 0; i < 200; i++) assert.strictEqual(new Function('a', `return a * ${i} + 1`)(3), 3 * i + 1);
    // deoptimized: numbers first, then strings
    const add = (a, b) => a + b;
    for (let i = 0; i < 20000; i++) add(i, i);
    assert.strictEqual(add('a', 1), 'a1');
};

tests['WebAssembly'] = async () => {
    // (func (export "sum") (param i32) (result i32)): the sum of 1..n in a loop
    const code = Buffer.from('0061736d0100000001060160017f017f03020100070701037375' + '6d00000a1b011901017f0340200120006a2101' +
        '200041016b22000d000b20010b', 'hex');
    const { instance } = await WebAssembly.instantiate(code);
    assert.strictEqual(instance.exports.sum(100000), 705082704);
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 100 });
    memory.grow(50);
    assert.strictEqual(memory.buffer.byteLength, 51 * 65536);
};

tests['garbage collection'] = () => {
    let keep = [];
    for (let round = 0; round < 8; round++) {
        const list = [];
        for (let i = 0; i < 20000; i++) list.push({ i, text: `n${i}`, next: list[i - 1] });
        keep.push(list);
        if (keep.length > 3) keep = keep.slice(1);
    }
    assert.strictEqual(keep[0][19999].next.next.text, 'n19997');
    const buffers = [];
    for (let i = 0; i < 100; i++) buffers[i % 8] = Buffer.alloc(1 << 20, i);
    assert.strictEqual(buffers[3][12345], 99);
};

tests['the stack ends in a RangeError'] = () => {
    const down = (n) => 1 + down(n + 1);
    assert.throws(() => down(0), RangeError);
};

tests['timers'] = async () => {
    const order = [];
    const at = (ms) => new Promise((done) => setTimeout(() => { order.push(ms); done(); }, ms));
    const begin = process.hrtime.bigint();
    await Promise.all([at(120), at(10), at(60)]);
    assert.deepStrictEqual(order, [10, 60, 120]);
    assert(process.hrtime.bigint() - begin >= 119000000n);
    let ticks = 0;
    await new Promise((done) => { const timer = setInterval(() => { if (++ticks === 10) { clearInterval(timer); done(); } }, 5); });
    const seen = [];
    setImmediate(() => seen.push('immediate'));
    process.nextTick(() => seen.push('tick'));
    Promise.resolve().then(() => seen.push('micro'));
    await sleep(20);
    assert.deepStrictEqual(seen.slice(), ['micro', 'tick', 'immediate'].sort((a, b) => seen.indexOf(a) - seen.indexOf(b)));
    assert.strictEqual(seen[2], 'immediate');
};

tests['workers count together (Atomics: futexes)'] = async () => {
    const shared = new SharedArrayBuffer(16);
    const words = new Int32Array(shared);
    const workers = [1, 2, 3, 4].map((id) => new Worker(__filename, { workerData: { job: 'count', id, shared } }));
    const exits = workers.map((worker) => once(worker, 'exit'));
    const said = await Promise.all(workers.map((worker) => once(worker, 'message')));
    const codes = await Promise.all(exits);
    assert.deepStrictEqual(said.map(([text]) => text).sort(), ['1 done', '2 done', '3 done', '4 done']);
    assert.deepStrictEqual(codes.map(([code]) => code), [0, 0, 0, 0]);
    assert.strictEqual(words[0], 40000);
    assert.strictEqual(words[1], 4 * 50);
};

tests['a worker that never ends is terminated'] = async () => {
    const worker = new Worker(__filename, { workerData: { job: 'spin' } });
    await once(worker, 'message');
    assert.strictEqual(await worker.terminate(), 1);
};

tests['messages to and from a worker'] = async () => {
    const worker = new Worker(__filename, { workerData: { job: 'echo' } });
    for (let i = 0; i < 50; i++) {
        worker.postMessage({ i, data: new Uint8Array(1000).fill(i) });
        const [{ sum }] = await once(worker, 'message');
        assert.strictEqual(sum, (i % 256) * 1000);
    }
    worker.postMessage(null);
    assert.strictEqual((await once(worker, 'exit'))[0], 0);
};

tests['files, through the thread pool'] = async () => {
    const dir = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'node-'));
    const names = Array.from({ length: 40 }, (_, i) => path.join(dir, `f${i}`));
    await Promise.all(names.map((name, i) => fs.promises.writeFile(name, Buffer.alloc(10000 * i, i))));
    const sizes = await Promise.all(names.map(async (name) => (await fs.promises.stat(name)).size));
    assert.deepStrictEqual(sizes, names.map((_, i) => 10000 * i));
    const sums = await Promise.all(names.map(async (name) => sha256(await fs.promises.readFile(name))));
    assert.deepStrictEqual(sums, names.map((_, i) => sha256(Buffer.alloc(10000 * i, i))));
    await fs.promises.rename(names[1], `${dir}/renamed`);
    await fs.promises.symlink('renamed', `${dir}/link`);
    assert.strictEqual(await fs.promises.readlink(`${dir}/link`), 'renamed');
    assert.strictEqual(fs.realpathSync(`${dir}/link`), `${fs.realpathSync(dir)}/renamed`);
    await assert.rejects(fs.promises.readFile(names[1]), { code: 'ENOENT' });
    await assert.rejects(fs.promises.mkdir(dir), { code: 'EEXIST' });
    assert.throws(() => fs.readdirSync(names[2]), { code: 'ENOTDIR' });
    await fs.promises.copyFile(names[39], `${dir}/copy`);
    fs.appendFileSync(`${dir}/copy`, 'end');
    assert.strictEqual(fs.statSync(`${dir}/copy`).size, 390003);
    assert.strictEqual(fs.readdirSync(dir).length, 42);
    await pipeline(fs.createReadStream(`${dir}/copy`), zlib.createGzip(), fs.createWriteStream(`${dir}/copy.gz`));
    assert.strictEqual(sha256(zlib.gunzipSync(fs.readFileSync(`${dir}/copy.gz`))), sha256(fs.readFileSync(`${dir}/copy`)));
    fs.utimesSync(`${dir}/copy`, 1000, 2000.5);
    assert.strictEqual(fs.statSync(`${dir}/copy`).mtimeMs, 2000500);
    fs.chmodSync(`${dir}/copy`, 0o640);
    assert.strictEqual(fs.statSync(`${dir}/copy`).mode & 0o7777, 0o640);
    fs.mkdirSync(`${dir}/a/b/c`, { recursive: true });
    fs.cpSync(`${dir}/a`, `${dir}/d`, { recursive: true });
    assert(fs.statSync(`${dir}/d/b/c`).isDirectory());
    const file = await fs.promises.open(`${dir}/rw`, 'w+');
    await file.write(Buffer.from('0123456789'), 0, 10, 100);
    await file.truncate(105);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(20), 0, 20, 98);
    assert.strictEqual(buffer.toString('latin1', 0, bytesRead), '\0\x0001234');
    await file.datasync();
    await file.close();
    fs.rmSync(dir, { recursive: true });
    assert(!fs.existsSync(dir));
};

tests['crypto'] = async () => {
    assert.strictEqual(sha256('slipway'), '05d5d9c721bc99eabb1a23a75d41968a7b10ff1659a1f1e81f1a76157032484b');
    const key = await promisify(crypto.pbkdf2)('password', 'salt', 1000, 32, 'sha256');
    assert.strictEqual(key.toString('hex'), '632c2812e46d4604102ba7618e9d6d7d2f8128f6266b4a03264d2a0460b7dcb3');
    const random = await Promise.all(Array.from({ length: 16 }, () => promisify(crypto.randomBytes)(256)));
    assert.strictEqual(new Set(random.map((bytes) => bytes.toString('hex'))).size, 16);
    const { publicKey, privateKey } = await promisify(crypto.generateKeyPair)('ec', { namedCurve: 'P-256' });
    const signature = crypto.sign('sha256', Buffer.from('text'), privateKey);
    assert(crypto.verify('sha256', Buffer.from('text'), publicKey, signature));
    assert(!crypto.verify('sha256', Buffer.from('other'), publicKey, signature));
    const cipher = crypto.createCipheriv('aes-256-gcm', Buffer.alloc(32, 1), Buffer.alloc(12, 2));
    const sealed = Buffer.concat([cipher.update('secret'), cipher.final()]);
    const open = crypto.createDecipheriv('aes-256-gcm', Buffer.alloc(32, 1), Buffer.alloc(12, 2));
    open.setAuthTag(cipher.getAuthTag());
    assert.strictEqual(open.update(sealed, undefined, 'utf8') + open.final('utf8'), 'secret');
};

tests['spawn: streams, codes, signals'] = async () => {
    const cat = spawn('cat');
    let out = 0;
    cat.stdout.on('data', (data) => { out += data.length; });
    for (let i = 0; i < 64; i++) if (!cat.stdin.write(Buffer.alloc(16384, i))) await once(cat.stdin, 'drain');
    cat.stdin.end();
    assert.deepStrictEqual(await once(cat, 'close'), [0, null]);
    assert.strictEqual(out, 1 << 20);
    assert.deepStrictEqual(await once(spawn('sh', ['-c', 'exit 7']), 'exit'), [7, null]);
    const sleeper = spawn('sleep', ['1000']);
    sleeper.kill('SIGTERM');
    assert.deepStrictEqual(await once(sleeper, 'exit'), [null, 'SIGTERM']);
    const [error] = await once(spawn('/nowhere'), 'error');
    assert.strictEqual(error.code, 'ENOENT');
    const { stdout } = await promisify(exec)('echo $((6 * 7)); echo $NAME', { env: { ...process.env, NAME: 'value' } });
    assert.strictEqual(stdout, '42\nvalue\n');
    assert.strictEqual(execFileSync('pwd', { cwd: '/usr', encoding: 'utf8' }), '/usr\n');
    assert.strictEqual(spawnSync('sh', ['-c', 'wc -c'], { input: Buffer.alloc(100000) }).stdout.toString().trim(), '100000');
    assert.strictEqual(spawnSync('sleep', ['1000'], { timeout: 100 }).error.code, 'ETIMEDOUT');
    await assert.rejects(promisify(execFile)('sleep', ['1000'], { timeout: 100 }), { killed: true, signal: 'SIGTERM' });
    const many = await Promise.all(Array.from({ length: 20 }, (_, i) => promisify(exec)(`echo ${i}`)));
    assert.deepStrictEqual(many.map(({ stdout }) => Number(stdout)), Array.from({ length: 20 }, (_, i) => i));
};

tests['fork: messages between processes'] = async () => {
    const child = fork(__filename, ['child'], { execArgv: [] });
    for (let i = 0; i < 20; i++) {
        child.send({ i, text: 'x'.repeat(i * 1000) });
        const [{ i: got, length }] = await once(child, 'message');
        assert.deepStrictEqual([got, length], [i, i * 1000]);
    }
    child.disconnect();
    assert.deepStrictEqual(await once(child, 'exit'), [33, null]);
};

tests['signals to itself'] = async () => {
    for (const name of ['SIGUSR2', 'SIGHUP', 'SIGWINCH', 'SIGTERM']) {
        const got = once(process, name);
        process.kill(process.pid, name);
        assert.strictEqual((await got)[0], name);
    }
    assert.throws(() => process.kill(0x3fffff, 0), { code: 'ESRCH' });
};

tests['a server on a local socket'] = async () => {
    const name = path.join(os.tmpdir(), `socket-${process.pid}`);
    const server = net.createServer((peer) => peer.pipe(peer)).listen(name);
    await once(server, 'listening');
    const echo = async (i) => {
        const peer = net.connect(name);
        const data = crypto.randomBytes(50000 + i);
        peer.end(data);
        const parts = [];
        for await (const part of peer) parts.push(part);
        assert(Buffer.concat(parts).equals(data));
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => echo(i)));
    server.close();
    await once(server, 'close');
};

tests['a changed file is noticed or watching it is refused'] = async () => {
    // inotify is optional: fs.watchFile works without it (stat).
    const name = path.join(os.tmpdir(), `watched-${process.pid}`);
    fs.writeFileSync(name, 'a');
    const changed = new Promise((done) => fs.watchFile(name, { interval: 50 }, (now) => done(now.size)));
    await sleep(100);
    fs.writeFileSync(name, 'abc');
    assert.strictEqual(await changed, 3);
    fs.unwatchFile(name);
    fs.unlinkSync(name);
};

async function main() {
    let failed = 0;
    const alive = setInterval(() => {}, 1 << 30); // a test that waits for what never comes hangs, and so fails
    const only = process.argv[2];
    for (const [name, test] of Object.entries(tests)) {
        if (only && !name.includes(only)) continue;
        const begin = Date.now();
        try {
            await test();
            console.log(`ok - ${name}${process.env.TIMES ? ` ${Date.now() - begin}` : ''}`);
        } catch (error) {
            failed++;
            console.log(`not ok - ${name}: ${error.stack}`);
        }
    }
    clearInterval(alive);
    console.log(failed ? `${failed} failed` : 'all hold');
    process.exitCode = failed;
}

const jobs = {
    count({ id, shared }) {
        const words = new Int32Array(shared);
        for (let i = 0; i < 10000; i++) Atomics.add(words, 0, 1);
        // in turns: each waits until the word is its own
        for (let i = 0; i < 50; i++) {
            for (;;) {
                const now = Atomics.load(words, 1);
                if (now % 4 === id - 1) break;
                Atomics.wait(words, 1, now);
            }
            Atomics.add(words, 1, 1);
            Atomics.notify(words, 1);
        }
        parentPort.postMessage(`${id} done`);
    },
    spin() {
        parentPort.postMessage('spinning');
        for (;;);
    },
    echo() {
        parentPort.on('message', (message) => {
            if (message === null) return parentPort.close();
            parentPort.postMessage({ sum: message.data.reduce((a, b) => a + b, 0) });
        });
    },
};

if (!isMainThread) jobs[workerData.job](workerData);
else if (process.argv[2] === 'child') {
    process.on('message', ({ i, text }) => process.send({ i, length: text.length }));
    process.on('disconnect', () => process.exit(33));
} else main();
