#include "world.h"
int __real_store_commit(struct store *store);int __wrap_store_commit(struct store *store);int __wrap_store_commit(struct store *store){return __real_store_commit(store);}
int main(void){return 0;}
