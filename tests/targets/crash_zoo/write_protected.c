// Writes to a constant.
__attribute__((noinline)) void overwrite(char *text) { text[0] = 'x'; }
int main(void) {
  overwrite((char *)"constant");
  return 0;
}
