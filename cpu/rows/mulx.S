// Products of rows of 64-bit limbs by MULX with two carry chains (ADCX, ADOX), for x86-64 under the System V convention.
// Contracts in kernels.hpp. Sources: Ozturk, Guilford, Gopal, Feghali, "New Instructions Supporting Large Integer
// Arithmetic on Intel Architecture Processors" (2012), for the chains; Montgomery, Math. Comp. 44 (1985), for the
// reduction, by blocks of limbs as in Koc, Acar, Kaliski, "Analyzing and Comparing Montgomery Multiplication
// Algorithms" (IEEE Micro 16 (1996)), SOS.
//
// Operands are cut into blocks of eight limbs. A window of eight limbs of the sum lies in r8..r15; a row multiplies a
// block by one limb, adds it to the window, stores the window's lowest limb, which is then final, and moves the window
// up by one: its register becomes the highest limb, so that after eight rows names are again as they were. A row leaves
// no carry: (2^512 - 1) + (2^512 - 1)(2^64 - 1) < 2^576.
//
// No branch and no address depends on anything but the number of blocks.
#if defined(__x86_64__) && defined(__ELF__)

// What a function keeps on the stack, by offset.
#define END 0
#define INVERSE 8
#define CARRY 16
#define FIRST 24
#define STOP 32
#define OUT 40
#define TURN 48
#define HELD 56
#define FRAME 72

.intel_syntax noprefix
.text

// One limb product: its low half is added to \low, with the carry flag, its high half to \high, with the overflow flag.
.macro STEP j, low, high
    mulx rbx, rax, [rsi + 8*\j]
    adcx \low, rax
    adox \high, rbx
.endm

// The last product of a row. Its high half, with what both chains carry, is the window's new highest limb. rbp is zero.
.macro LAST low, top
    mulx \top, rax, [rsi + 56]
    adcx \low, rax
    adox \top, rbp
    adcx \top, rbp
.endm

// Window += rsi[0..8) * rcx[i]; the lowest limb goes to rdi[i].
.macro ROW i, w0, w1, w2, w3, w4, w5, w6, w7
    mov rdx, [rcx + 8*\i]
    xor eax, eax
    STEP 0, \w0, \w1
    mov [rdi + 8*\i], \w0
    STEP 1, \w1, \w2
    STEP 2, \w2, \w3
    STEP 3, \w3, \w4
    STEP 4, \w4, \w5
    STEP 5, \w5, \w6
    STEP 6, \w6, \w7
    LAST \w7, \w0
.endm

// Window += rsi[0..8) * q, where q makes the lowest limb zero; q goes to rdi[i]. [rsp + INVERSE] is -1/n mod 2^64.
.macro QUOTIENT_ROW i, w0, w1, w2, w3, w4, w5, w6, w7
    mov rdx, \w0
    imul rdx, [rsp + INVERSE]
    xor eax, eax
    mov [rdi + 8*\i], rdx
    STEP 0, \w0, \w1
    STEP 1, \w1, \w2
    STEP 2, \w2, \w3
    STEP 3, \w3, \w4
    STEP 4, \w4, \w5
    STEP 5, \w5, \w6
    STEP 6, \w6, \w7
    LAST \w7, \w0
.endm

// Window += rsi[i] * rsi[j] for i < j < 8; the lowest limb, final before this row, goes to rdi[i].
.macro TRIANGLE_ROW i, w0, w1, w2, w3, w4, w5, w6, w7
    mov [rdi + 8*\i], \w0
  .if \i < 7
    mov rdx, [rsi + 8*\i]
    xor eax, eax
  .if \i < 1
    STEP 1, \w1, \w2
  .endif
  .if \i < 2
    STEP 2, \w2, \w3
  .endif
  .if \i < 3
    STEP 3, \w3, \w4
  .endif
  .if \i < 4
    STEP 4, \w4, \w5
  .endif
  .if \i < 5
    STEP 5, \w5, \w6
  .endif
  .if \i < 6
    STEP 6, \w6, \w7
  .endif
    LAST \w7, \w0
  .else
    xor \w0, \w0
  .endif
.endm

.macro EIGHT row
    \row 0, r8, r9, r10, r11, r12, r13, r14, r15
    \row 1, r9, r10, r11, r12, r13, r14, r15, r8
    \row 2, r10, r11, r12, r13, r14, r15, r8, r9
    \row 3, r11, r12, r13, r14, r15, r8, r9, r10
    \row 4, r12, r13, r14, r15, r8, r9, r10, r11
    \row 5, r13, r14, r15, r8, r9, r10, r11, r12
    \row 6, r14, r15, r8, r9, r10, r11, r12, r13
    \row 7, r15, r8, r9, r10, r11, r12, r13, r14
.endm

// One instruction for each limb of the window: \op window, rdi[k].
.macro WINDOW first, rest
    \first r8, [rdi]
    \rest r9, [rdi + 8]
    \rest r10, [rdi + 16]
    \rest r11, [rdi + 24]
    \rest r12, [rdi + 32]
    \rest r13, [rdi + 40]
    \rest r14, [rdi + 48]
    \rest r15, [rdi + 56]
.endm

.macro STORE_WINDOW
    mov [rdi], r8
    mov [rdi + 8], r9
    mov [rdi + 16], r10
    mov [rdi + 24], r11
    mov [rdi + 32], r12
    mov [rdi + 40], r13
    mov [rdi + 48], r14
    mov [rdi + 56], r15
.endm

.macro ADD_CARRY_TO_WINDOW
    adc r8, 0
    adc r9, 0
    adc r10, 0
    adc r11, 0
    adc r12, 0
    adc r13, 0
    adc r14, 0
    adc r15, 0
.endm

// The eight rows of rcx against blocks from rsi up to [rsp + END]; the window comes in for the columns at rdi, and
// goes out for those at rdi on return. rbp: not zero for a carry that belongs to the window's lowest limb.
.macro BLOCKS
    cmp rsi, [rsp + END]
    je 2f
    .p2align 5
1:
    neg rbp
    WINDOW adc, adc
    sbb rax, rax
    mov [rsp + HELD], rax
    xor ebp, ebp
    EIGHT ROW
    mov rbp, [rsp + HELD]
    add rdi, 64
    add rsi, 64
    cmp rsi, [rsp + END]
    jne 1b
2:
.endm

.macro FUNCTION name
    .globl \name
    .hidden \name
    .type \name, @function
    .p2align 5
\name:
    .cfi_startproc
    push rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    push rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    push r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r12, 0
    push r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r13, 0
    push r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r14, 0
    push r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r15, 0
    sub rsp, FRAME
    .cfi_adjust_cfa_offset FRAME
.endm

.macro RETURN name
    add rsp, FRAME
    .cfi_adjust_cfa_offset -FRAME
    pop r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    pop r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore r14
    pop r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore r13
    pop r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore r12
    pop rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    pop rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    ret
    .cfi_endproc
    .size \name, . - \name
.endm

// \to[0 .. 8 \blocks) = 0
.macro CLEAR to, blocks
    pxor xmm0, xmm0
1:
    movdqu [\to], xmm0
    movdqu [\to + 16], xmm0
    movdqu [\to + 32], xmm0
    movdqu [\to + 48], xmm0
    add \to, 64
    sub \blocks, 1
    jne 1b
.endm

// hepy_mulx_multiply(rdi: t, rsi: a, rdx: b, rcx: blocks)
FUNCTION hepy_mulx_multiply
    mov [rsp + FIRST], rsi
    mov rax, rcx
    shl rax, 6
    lea rbx, [rsi + rax]
    mov [rsp + END], rbx
    add rax, rdx
    mov [rsp + STOP], rax
    mov rax, rdi
    mov rbx, rcx
    CLEAR rax, rbx
    mov rcx, rdx
3:
    mov [rsp + TURN], rdi
    mov rsi, [rsp + FIRST]
    xor rbp, rbp
    xor r8, r8
    xor r9, r9
    xor r10, r10
    xor r11, r11
    xor r12, r12
    xor r13, r13
    xor r14, r14
    xor r15, r15
    BLOCKS
    neg rbp
    ADD_CARRY_TO_WINDOW
    STORE_WINDOW
    mov rdi, [rsp + TURN]
    add rdi, 64
    add rcx, 64
    cmp rcx, [rsp + STOP]
    jne 3b
RETURN hepy_mulx_multiply

// hepy_mulx_square(rdi: t, rsi: a, rdx: blocks)
FUNCTION hepy_mulx_square
    mov [rsp + FIRST], rsi
    mov [rsp + OUT], rdi
    mov [rsp + CARRY], rdx
    mov rax, rdx
    shl rax, 6
    add rax, rsi
    mov [rsp + END], rax
    mov rax, rdi
    CLEAR rax, rdx
3:  // Products of different limbs: within block i, then of block i with those above it.
    mov [rsp + TURN], rdi
    mov rcx, rsi
    xor ebp, ebp
    WINDOW mov, mov
    EIGHT TRIANGLE_ROW
    add rdi, 64
    add rsi, 64
    xor rbp, rbp
    BLOCKS
    neg rbp
    ADD_CARRY_TO_WINDOW
    STORE_WINDOW
    mov rdi, [rsp + TURN]
    lea rsi, [rcx + 64]
    add rdi, 128
    cmp rsi, [rsp + END]
    jne 3b
    // Twice these, by one chain, and the squares of limbs, by the other.
    mov rdi, [rsp + OUT]
    mov rsi, [rsp + FIRST]
    mov rcx, [rsp + CARRY]
    xor eax, eax
    .p2align 5
4:
  .irp k, 0, 1, 2, 3, 4, 5, 6, 7
    mov rdx, [rsi + 8*\k]
    mulx rbx, rax, rdx
    mov r8, [rdi + 16*\k]
    mov r9, [rdi + 16*\k + 8]
    adcx r8, r8
    adox r8, rax
    adcx r9, r9
    adox r9, rbx
    mov [rdi + 16*\k], r8
    mov [rdi + 16*\k + 8], r9
  .endr
    lea rdi, [rdi + 128]
    lea rsi, [rsi + 64]
    lea rcx, [rcx - 1]
    jrcxz 5f
    jmp 4b
5:
RETURN hepy_mulx_square

// rax = hepy_mulx_reduce(rdi: out, rsi: t, rdx: n, rcx: blocks, r8: inverse)
FUNCTION hepy_mulx_reduce
    mov [rsp + OUT], rdi
    mov [rsp + FIRST], rdx
    mov [rsp + INVERSE], r8
    mov qword ptr [rsp + CARRY], 0
    mov rdi, rsi
    shl rcx, 6
    lea rax, [rdx + rcx]
    mov [rsp + END], rax
    add rcx, rdi
    mov [rsp + STOP], rcx
3:  // The quotient's next eight limbs stand where the limbs stood that they clear.
    mov rsi, [rsp + FIRST]
    mov rcx, rdi
    xor ebp, ebp
    WINDOW mov, mov
    EIGHT QUOTIENT_ROW
    add rdi, 64
    add rsi, 64
    xor rbp, rbp
    BLOCKS
    xor rax, rax
    neg rbp
    WINDOW adc, adc
    adc rax, 0
    mov rdx, [rsp + CARRY]
    neg rdx
    ADD_CARRY_TO_WINDOW
    adc rax, 0
    mov [rsp + CARRY], rax
    STORE_WINDOW
    lea rdi, [rcx + 64]
    cmp rdi, [rsp + STOP]
    jne 3b
    // out = t / R - n, and back to t / R if that is negative. rdi: t / R.
    mov rbx, [rsp + OUT]
    mov rsi, [rsp + FIRST]
    mov rcx, [rsp + END]
    sub rcx, rsi
    mov rbp, rcx
    xor eax, eax
    .p2align 5
4:
    neg rax
  .irp k, 0, 1, 2, 3, 4, 5, 6, 7
    mov rdx, [rdi + 8*\k]
    sbb rdx, [rsi + 8*\k]
    mov [rbx + 8*\k], rdx
  .endr
    sbb rax, rax
    neg rax
    add rdi, 64
    add rsi, 64
    add rbx, 64
    sub rcx, 64
    jne 4b
    // rax: the borrow. With a carry out of t / R the difference stands whatever the borrow.
    mov rdx, [rsp + CARRY]
    sub rdx, rax
    sbb rdx, rdx        // all ones: keep t / R
    movq xmm0, rdx
    punpcklqdq xmm0, xmm0
    .p2align 5
5:
  .irp k, 16, 32, 48, 64
    movdqu xmm1, [rdi - \k]
    movdqu xmm2, [rbx - \k]
    pxor xmm1, xmm2
    pand xmm1, xmm0
    pxor xmm1, xmm2
    movdqu [rbx - \k], xmm1
  .endr
    sub rdi, 64
    sub rbx, 64
    sub rbp, 64
    jne 5b
    lea rax, [rdx + 1]
RETURN hepy_mulx_reduce

// The window from \from, each limb AND \keep, XOR \flip.
.macro MASKED_WINDOW from, keep, flip
    mov r8, [\from]
    mov r9, [\from + 8]
    mov r10, [\from + 16]
    mov r11, [\from + 24]
    mov r12, [\from + 32]
    mov r13, [\from + 40]
    mov r14, [\from + 48]
    mov r15, [\from + 56]
  .irp limb, r8, r9, r10, r11, r12, r13, r14, r15
    and \limb, \keep
    xor \limb, \flip
  .endr
.endm

// rax = hepy_mulx_add(rdi: out, rsi: a, rdx: b, rcx: keep, r8: flip, r9: carry, on the stack: blocks)
FUNCTION hepy_mulx_add
    mov rbx, [rsp + FRAME + 56]
    mov rbp, r9
    mov rax, r8
    .p2align 5
1:
    MASKED_WINDOW rdx, rcx, rax
    neg rbp
    adc r8, [rsi]
    adc r9, [rsi + 8]
    adc r10, [rsi + 16]
    adc r11, [rsi + 24]
    adc r12, [rsi + 32]
    adc r13, [rsi + 40]
    adc r14, [rsi + 48]
    adc r15, [rsi + 56]
    sbb rbp, rbp
    STORE_WINDOW
    add rdi, 64
    add rsi, 64
    add rdx, 64
    sub rbx, 1
    jne 1b
    mov rax, rbp
    neg rax
RETURN hepy_mulx_add

// hepy_mulx_negate(rdi: a, rsi: mask, rdx: blocks)
FUNCTION hepy_mulx_negate
    mov rcx, rsi
    mov rbp, rsi
    mov rax, -1
    .p2align 5
1:
    MASKED_WINDOW rdi, rax, rcx
    neg rbp
    ADD_CARRY_TO_WINDOW
    sbb rbp, rbp
    STORE_WINDOW
    add rdi, 64
    sub rdx, 1
    jne 1b
RETURN hepy_mulx_negate

.section .note.GNU-stack, "", @progbits
#endif
