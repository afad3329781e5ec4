// Lies to debuggers before it crashes: the list of its libraries is a loop.
#include <link.h>

static int *volatile nowhere;

int main(void) {
  for (struct link_map *map = _r_debug.r_map; map != 0; map = map->l_next) {
    if (map->l_next != 0) continue;
    map->l_next = _r_debug.r_map->l_next;
    break;
  }
  *nowhere = 1;
  return 0;
}
