// A function in assembler of which no table tells.
__asm__(".text\n.globl bare\n.type bare, @function\nbare:\n  sub $24, %rsp\n  xor %eax, %eax\n"
        "  mov %eax, (%rax)\n  add $24, %rsp\n  ret\n.size bare, .-bare\n");
int bare(void);
__attribute__((noinline)) int call(void) { return bare() + 1; }
int main(void) { return call() + 1; }
