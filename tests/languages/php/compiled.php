<?php
// SPDX-License-Identifier: MIT
// Loops that the opcode cache's compiler turns into machine code: memory made executable while it is written elsewhere.
declare(strict_types=1);

function sieve(int $to): int
{
    $prime = array_fill(2, $to - 1, true);
    for ($n = 2; $n * $n <= $to; $n++) {
        if ($prime[$n]) {
            for ($multiple = $n * $n; $multiple <= $to; $multiple += $n) {
                $prime[$multiple] = false;
            }
        }
    }
    return count(array_filter($prime));
}

function mandelbrot(int $size): string
{
    $bits = '';
    for ($y = 0; $y < $size; $y++) {
        for ($x = 0; $x < $size; $x++) {
            [$cr, $ci, $zr, $zi, $n] = [2.0 * $x / $size - 1.5, 2.0 * $y / $size - 1.0, 0.0, 0.0, 0];
            while ($n < 40 && $zr * $zr + $zi * $zi < 4.0) {
                [$zr, $zi] = [$zr * $zr - $zi * $zi + $cr, 2.0 * $zr * $zi + $ci];
                $n++;
            }
            $bits .= $n === 40 ? '#' : '.';
        }
    }
    return md5($bits);
}

function fibonacci(int $n): int
{
    return $n < 2 ? $n : fibonacci($n - 1) + fibonacci($n - 2);
}

$status = opcache_get_status(false);
echo 'compiler: ', json_encode($status['jit']['enabled'] && $status['jit']['on']), "\n";
echo 'primes: ', sieve(100000), "\n";
echo 'mandelbrot: ', mandelbrot(40), "\n";
echo 'fibonacci: ', fibonacci(20), "\n";
$status = opcache_get_status(false);
echo 'code: ', json_encode($status['jit']['buffer_free'] < $status['jit']['buffer_size']), "\n";
