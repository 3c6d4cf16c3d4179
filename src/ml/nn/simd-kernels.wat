;; The inner loops of the rankers, 4 numbers at a time: what V8 makes of a loop over a Float32Array takes one at a time, and
;; through 64 bits. `tests/unit/ml/nn/simd-kernels.test.ts` assembles this text and holds `simd-kernels.ts` to its bytes.
;;
;; All arrays are 32-bit and lie in the exported memory at the given byte addresses.
(module
  (memory (export "memory") 1)

  ;; y = A x for A in compressed rows; [R, C] x [C, D] -> [R, D], D a multiple of 4. A row's sums stay in registers,
  ;; 32 columns of x at a time, then 4.
  (func (export "sparseProduct")
    (param $R i32) (param $D i32) (param $rowStarts i32) (param $columns i32) (param $values i32) (param $x i32) (param $y i32)
    (local $r i32) (local $d i32) (local $e i32) (local $start i32) (local $end i32) (local $from i32) (local $width i32)
    (local $wide i32) (local $v v128)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local $s4 v128) (local $s5 v128) (local $s6 v128) (local $s7 v128)
    (local.set $width (i32.shl (local.get $D) (i32.const 2)))           ;; bytes of a row
    (local.set $wide (i32.and (local.get $width) (i32.const -128)))     ;; those in blocks of 32 numbers
    (block $done (loop $rows
      (br_if $done (i32.ge_u (local.get $r) (local.get $R)))
      (local.set $start (i32.load (i32.add (local.get $rowStarts) (i32.shl (local.get $r) (i32.const 2)))))
      (local.set $end (i32.load offset=4 (i32.add (local.get $rowStarts) (i32.shl (local.get $r) (i32.const 2)))))
      (local.set $d (i32.const 0))
      (block $wideDone (loop $blocks
        (br_if $wideDone (i32.ge_u (local.get $d) (local.get $wide)))
        (local.set $s0 (v128.const i32x4 0 0 0 0)) (local.set $s1 (v128.const i32x4 0 0 0 0))
        (local.set $s2 (v128.const i32x4 0 0 0 0)) (local.set $s3 (v128.const i32x4 0 0 0 0))
        (local.set $s4 (v128.const i32x4 0 0 0 0)) (local.set $s5 (v128.const i32x4 0 0 0 0))
        (local.set $s6 (v128.const i32x4 0 0 0 0)) (local.set $s7 (v128.const i32x4 0 0 0 0))
        (local.set $e (local.get $start))
        (block $edgesDone (loop $edges
          (br_if $edgesDone (i32.ge_u (local.get $e) (local.get $end)))
          (local.set $v (v128.load32_splat (i32.add (local.get $values) (i32.shl (local.get $e) (i32.const 2)))))
          (local.set $from (i32.add (i32.add (local.get $x) (local.get $d))
            (i32.mul (local.get $width) (i32.load (i32.add (local.get $columns) (i32.shl (local.get $e) (i32.const 2)))))))
          (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (local.get $v) (v128.load (local.get $from)))))
          (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (local.get $v) (v128.load offset=16 (local.get $from)))))
          (local.set $s2 (f32x4.add (local.get $s2) (f32x4.mul (local.get $v) (v128.load offset=32 (local.get $from)))))
          (local.set $s3 (f32x4.add (local.get $s3) (f32x4.mul (local.get $v) (v128.load offset=48 (local.get $from)))))
          (local.set $s4 (f32x4.add (local.get $s4) (f32x4.mul (local.get $v) (v128.load offset=64 (local.get $from)))))
          (local.set $s5 (f32x4.add (local.get $s5) (f32x4.mul (local.get $v) (v128.load offset=80 (local.get $from)))))
          (local.set $s6 (f32x4.add (local.get $s6) (f32x4.mul (local.get $v) (v128.load offset=96 (local.get $from)))))
          (local.set $s7 (f32x4.add (local.get $s7) (f32x4.mul (local.get $v) (v128.load offset=112 (local.get $from)))))
          (local.set $e (i32.add (local.get $e) (i32.const 1)))
          (br $edges)))
        (local.set $from (i32.add (local.get $y) (local.get $d)))
        (v128.store (local.get $from) (local.get $s0)) (v128.store offset=16 (local.get $from) (local.get $s1))
        (v128.store offset=32 (local.get $from) (local.get $s2)) (v128.store offset=48 (local.get $from) (local.get $s3))
        (v128.store offset=64 (local.get $from) (local.get $s4)) (v128.store offset=80 (local.get $from) (local.get $s5))
        (v128.store offset=96 (local.get $from) (local.get $s6)) (v128.store offset=112 (local.get $from) (local.get $s7))
        (local.set $d (i32.add (local.get $d) (i32.const 128)))
        (br $blocks)))
      (block $narrowDone (loop $blocks
        (br_if $narrowDone (i32.ge_u (local.get $d) (local.get $width)))
        (local.set $s0 (v128.const i32x4 0 0 0 0))
        (local.set $e (local.get $start))
        (block $edgesDone (loop $edges
          (br_if $edgesDone (i32.ge_u (local.get $e) (local.get $end)))
          (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul
            (v128.load32_splat (i32.add (local.get $values) (i32.shl (local.get $e) (i32.const 2))))
            (v128.load (i32.add (i32.add (local.get $x) (local.get $d))
              (i32.mul (local.get $width) (i32.load (i32.add (local.get $columns) (i32.shl (local.get $e) (i32.const 2))))))))))
          (local.set $e (i32.add (local.get $e) (i32.const 1)))
          (br $edges)))
        (v128.store (i32.add (local.get $y) (local.get $d)) (local.get $s0))
        (local.set $d (i32.add (local.get $d) (i32.const 16)))
        (br $blocks)))
      (local.set $y (i32.add (local.get $y) (local.get $width)))
      (local.set $r (i32.add (local.get $r) (i32.const 1)))
      (br $rows))))

  ;; out[t] = q · keys[t]; [F], [T, F] -> [T], F a multiple of 16.
  (func (export "dots")
    (param $T i32) (param $F i32) (param $q i32) (param $keys i32) (param $out i32)
    (local $t i32) (local $f i32) (local $width i32) (local $a i32) (local $b i32)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (local.set $width (i32.shl (local.get $F) (i32.const 2)))
    (block $done (loop $rows
      (br_if $done (i32.ge_u (local.get $t) (local.get $T)))
      (local.set $s0 (v128.const i32x4 0 0 0 0)) (local.set $s1 (v128.const i32x4 0 0 0 0))
      (local.set $s2 (v128.const i32x4 0 0 0 0)) (local.set $s3 (v128.const i32x4 0 0 0 0))
      (local.set $f (i32.const 0))
      (block $rowDone (loop $blocks
        (br_if $rowDone (i32.ge_u (local.get $f) (local.get $width)))
        (local.set $a (i32.add (local.get $q) (local.get $f)))
        (local.set $b (i32.add (local.get $keys) (local.get $f)))
        (local.set $s0 (f32x4.add (local.get $s0) (f32x4.mul (v128.load (local.get $a)) (v128.load (local.get $b)))))
        (local.set $s1 (f32x4.add (local.get $s1) (f32x4.mul (v128.load offset=16 (local.get $a)) (v128.load offset=16 (local.get $b)))))
        (local.set $s2 (f32x4.add (local.get $s2) (f32x4.mul (v128.load offset=32 (local.get $a)) (v128.load offset=32 (local.get $b)))))
        (local.set $s3 (f32x4.add (local.get $s3) (f32x4.mul (v128.load offset=48 (local.get $a)) (v128.load offset=48 (local.get $b)))))
        (local.set $f (i32.add (local.get $f) (i32.const 64)))
        (br $blocks)))
      (local.set $s0 (f32x4.add (f32x4.add (local.get $s0) (local.get $s1)) (f32x4.add (local.get $s2) (local.get $s3))))
      (f32.store (local.get $out) (f32.add
        (f32.add (f32x4.extract_lane 0 (local.get $s0)) (f32x4.extract_lane 1 (local.get $s0)))
        (f32.add (f32x4.extract_lane 2 (local.get $s0)) (f32x4.extract_lane 3 (local.get $s0)))))
      (local.set $keys (i32.add (local.get $keys) (local.get $width)))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (local.set $t (i32.add (local.get $t) (i32.const 1)))
      (br $rows))))

  ;; The rest run over pieces of arrays that are copied in: counts of numbers are rounded up to whole vectors.

  ;; y += scale x; [n], [n] -> [n].
  (func (export "addScaled")
    (param $n i32) (param $scale f32) (param $x i32) (param $y i32)
    (local $end i32) (local $s v128)
    (local.set $s (f32x4.splat (local.get $scale)))
    (local.set $end (i32.add (local.get $y) (i32.shl (local.get $n) (i32.const 2))))
    (block $done (loop $vectors
      (br_if $done (i32.ge_u (local.get $y) (local.get $end)))
      (v128.store (local.get $y) (f32x4.add (v128.load (local.get $y)) (f32x4.mul (local.get $s) (v128.load (local.get $x)))))
      (local.set $x (i32.add (local.get $x) (i32.const 16)))
      (local.set $y (i32.add (local.get $y) (i32.const 16)))
      (br $vectors))))

  ;; y = share (y + x); [n], [n] -> [n].
  (func (export "shareOfSum")
    (param $n i32) (param $share f32) (param $x i32) (param $y i32)
    (local $end i32) (local $s v128)
    (local.set $s (f32x4.splat (local.get $share)))
    (local.set $end (i32.add (local.get $y) (i32.shl (local.get $n) (i32.const 2))))
    (block $done (loop $vectors
      (br_if $done (i32.ge_u (local.get $y) (local.get $end)))
      (v128.store (local.get $y) (f32x4.mul (local.get $s) (f32x4.add (v128.load (local.get $y)) (v128.load (local.get $x)))))
      (local.set $x (i32.add (local.get $x) (i32.const 16)))
      (local.set $y (i32.add (local.get $y) (i32.const 16)))
      (br $vectors))))

  (func $sum (param $v v128) (result f32)
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $v)) (f32x4.extract_lane 1 (local.get $v)))
      (f32.add (f32x4.extract_lane 2 (local.get $v)) (f32x4.extract_lane 3 (local.get $v)))))

  ;; a · b of `width` bytes, a multiple of 16.
  (func $dot (param $width i32) (param $a i32) (param $b i32) (result f32)
    (local $end i32) (local $s v128)
    (local.set $end (i32.add (local.get $a) (local.get $width)))
    (block $done (loop $vectors
      (br_if $done (i32.ge_u (local.get $a) (local.get $end)))
      (local.set $s (f32x4.add (local.get $s) (f32x4.mul (v128.load (local.get $a)) (v128.load (local.get $b)))))
      (local.set $a (i32.add (local.get $a) (i32.const 16)))
      (local.set $b (i32.add (local.get $b) (i32.const 16)))
      (br $vectors)))
    (call $sum (local.get $s)))

  ;; out[i] = a[i] · b[i]; [N, D], [N, D] -> [N], D a multiple of 4 here and below.
  (func (export "rowDots")
    (param $N i32) (param $D i32) (param $a i32) (param $b i32) (param $out i32)
    (local $end i32) (local $width i32)
    (local.set $width (i32.shl (local.get $D) (i32.const 2)))
    (local.set $end (i32.add (local.get $out) (i32.shl (local.get $N) (i32.const 2))))
    (block $done (loop $rows
      (br_if $done (i32.ge_u (local.get $out) (local.get $end)))
      (f32.store (local.get $out) (call $dot (local.get $width) (local.get $a) (local.get $b)))
      (local.set $a (i32.add (local.get $a) (local.get $width)))
      (local.set $b (i32.add (local.get $b) (local.get $width)))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (br $rows))))

  ;; y[i] += weights[i] x[i]; [N], [N, D], [N, D] -> [N, D].
  (func (export "addWeightedRows")
    (param $N i32) (param $D i32) (param $weights i32) (param $x i32) (param $y i32)
    (local $end i32) (local $rowEnd i32) (local $width i32) (local $w v128)
    (local.set $width (i32.shl (local.get $D) (i32.const 2)))
    (local.set $end (i32.add (local.get $weights) (i32.shl (local.get $N) (i32.const 2))))
    (block $done (loop $rows
      (br_if $done (i32.ge_u (local.get $weights) (local.get $end)))
      (local.set $w (v128.load32_splat (local.get $weights)))
      (local.set $rowEnd (i32.add (local.get $x) (local.get $width)))
      (block $rowDone (loop $vectors
        (br_if $rowDone (i32.ge_u (local.get $x) (local.get $rowEnd)))
        (v128.store (local.get $y) (f32x4.add (v128.load (local.get $y)) (f32x4.mul (local.get $w) (v128.load (local.get $x)))))
        (local.set $x (i32.add (local.get $x) (i32.const 16)))
        (local.set $y (i32.add (local.get $y) (i32.const 16)))
        (br $vectors)))
      (local.set $weights (i32.add (local.get $weights) (i32.const 4)))
      (br $rows))))

  ;; y[i] = x[i] / ||x[i]||, zeros where x[i] is zeros; [N, D] -> [N, D].
  (func (export "normalizeRows")
    (param $N i32) (param $D i32) (param $x i32) (param $y i32)
    (local $end i32) (local $rowEnd i32) (local $width i32) (local $squared f32) (local $s v128)
    (local.set $width (i32.shl (local.get $D) (i32.const 2)))
    (local.set $end (i32.add (local.get $x) (i32.mul (local.get $N) (local.get $width))))
    (block $done (loop $rows
      (br_if $done (i32.ge_u (local.get $x) (local.get $end)))
      (local.set $squared (call $dot (local.get $width) (local.get $x) (local.get $x)))
      (local.set $s (f32x4.splat (select
        (f32.div (f32.const 1) (f32.sqrt (local.get $squared))) (f32.const 0) (f32.gt (local.get $squared) (f32.const 0)))))
      (local.set $rowEnd (i32.add (local.get $x) (local.get $width)))
      (block $rowDone (loop $vectors
        (br_if $rowDone (i32.ge_u (local.get $x) (local.get $rowEnd)))
        (v128.store (local.get $y) (f32x4.mul (local.get $s) (v128.load (local.get $x))))
        (local.set $x (i32.add (local.get $x) (i32.const 16)))
        (local.set $y (i32.add (local.get $y) (i32.const 16)))
        (br $vectors)))
      (br $rows))))

  ;; dx[i] = scale (g[i] - x[i] (x[i] · g[i]) / ||x[i]||^2) / ||x[i]||, zeros where x[i] is zeros; [N, D] each.
  (func (export "normalizedRowsGradient")
    (param $N i32) (param $D i32) (param $scale f32) (param $x i32) (param $g i32) (param $dx i32)
    (local $end i32) (local $rowEnd i32) (local $width i32) (local $squared f32) (local $along v128) (local $s v128)
    (local.set $width (i32.shl (local.get $D) (i32.const 2)))
    (local.set $end (i32.add (local.get $x) (i32.mul (local.get $N) (local.get $width))))
    (block $done (loop $rows
      (br_if $done (i32.ge_u (local.get $x) (local.get $end)))
      (local.set $rowEnd (i32.add (local.get $x) (local.get $width)))
      (local.set $squared (call $dot (local.get $width) (local.get $x) (local.get $x)))
      (local.set $along (f32x4.splat (select
        (f32.div (call $dot (local.get $width) (local.get $x) (local.get $g)) (local.get $squared))
        (f32.const 0) (f32.gt (local.get $squared) (f32.const 0)))))
      (local.set $s (f32x4.splat (select
        (f32.div (local.get $scale) (f32.sqrt (local.get $squared)))
        (f32.const 0) (f32.gt (local.get $squared) (f32.const 0)))))
      (block $rowDone (loop $vectors
        (br_if $rowDone (i32.ge_u (local.get $x) (local.get $rowEnd)))
        (v128.store (local.get $dx) (f32x4.mul (local.get $s)
          (f32x4.sub (v128.load (local.get $g)) (f32x4.mul (local.get $along) (v128.load (local.get $x))))))
        (local.set $x (i32.add (local.get $x) (i32.const 16)))
        (local.set $g (i32.add (local.get $g) (i32.const 16)))
        (local.set $dx (i32.add (local.get $dx) (i32.const 16)))
        (br $vectors)))
      (br $rows))))

  ;; A step of Adam (see `ranking/adam.ts`); [n] each. In 64 bits, two numbers at a time, so that it is the loop to the bit.
  (func (export "adam")
    (param $n i32) (param $rate f64) (param $correction f64) (param $beta1 f64) (param $beta2 f64) (param $epsilon f64)
    (param $values i32) (param $first i32) (param $second i32) (param $gradient i32)
    (local $end i32) (local $g v128) (local $m v128) (local $v v128)
    (local $r v128) (local $c v128) (local $e v128) (local $b1 v128) (local $b2 v128) (local $rest1 v128) (local $rest2 v128)
    (local.set $r (f64x2.splat (local.get $rate)))
    (local.set $c (f64x2.splat (local.get $correction)))
    (local.set $e (f64x2.splat (local.get $epsilon)))
    (local.set $b1 (f64x2.splat (local.get $beta1)))
    (local.set $b2 (f64x2.splat (local.get $beta2)))
    (local.set $rest1 (f64x2.splat (f64.sub (f64.const 1) (local.get $beta1))))
    (local.set $rest2 (f64x2.splat (f64.sub (f64.const 1) (local.get $beta2))))
    (local.set $end (i32.add (local.get $values) (i32.shl (local.get $n) (i32.const 2))))
    (block $done (loop $pairs
      (br_if $done (i32.ge_u (local.get $values) (local.get $end)))
      (local.set $g (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $gradient))))
      (local.set $m (f32x4.demote_f64x2_zero (f64x2.add
        (f64x2.mul (local.get $b1) (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $first))))
        (f64x2.mul (local.get $rest1) (local.get $g)))))
      (local.set $v (f32x4.demote_f64x2_zero (f64x2.add
        (f64x2.mul (local.get $b2) (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $second))))
        (f64x2.mul (f64x2.mul (local.get $rest2) (local.get $g)) (local.get $g)))))
      (v128.store64_lane 0 (local.get $first) (local.get $m))
      (v128.store64_lane 0 (local.get $second) (local.get $v))
      (v128.store64_lane 0 (local.get $values) (f32x4.demote_f64x2_zero (f64x2.sub
        (f64x2.promote_low_f32x4 (v128.load64_zero (local.get $values)))
        (f64x2.div
          (f64x2.mul (local.get $r) (f64x2.promote_low_f32x4 (local.get $m)))
          (f64x2.add (local.get $e)
            (f64x2.sqrt (f64x2.mul (local.get $c) (f64x2.promote_low_f32x4 (local.get $v)))))))))
      (local.set $values (i32.add (local.get $values) (i32.const 8)))
      (local.set $first (i32.add (local.get $first) (i32.const 8)))
      (local.set $second (i32.add (local.get $second) (i32.const 8)))
      (local.set $gradient (i32.add (local.get $gradient) (i32.const 8)))
      (br $pairs)))))
