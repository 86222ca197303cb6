/* Rapport: tells the shop what happens on this page. Sets nothing before rapport.consent(true). */
