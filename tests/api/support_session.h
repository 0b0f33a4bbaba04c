/* support_session.h: a tiny network and its data in a folder of its own. */
#ifndef TN_TESTS_SUPPORT_SESSION_H
#define TN_TESTS_SUPPORT_SESSION_H

/* Makes a folder that holds `net.json` and `data.csv`: two features, whose product's sign is the class; a 2-16-2 net that learns it. */
void tiny_make(char folder[64]);
void tiny_remove(const char *folder);
void tiny_path(char path[256], const char *folder, const char *name);

#endif
