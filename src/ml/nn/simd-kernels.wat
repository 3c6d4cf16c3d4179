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
      (br $rows)))))
