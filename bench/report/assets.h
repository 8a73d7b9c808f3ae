/* The page's own files, put into the program by the Makefile: text that ends in a NUL. */
#ifndef MLCM_REPORT_ASSETS_H
#define MLCM_REPORT_ASSETS_H

extern const char asset_page_html[], asset_style_css[], asset_player_js[], asset_page_js[];

#endif
