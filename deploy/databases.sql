-- PostgreSQL runs this once, when its volume is new. The database nightfit is there by then.
CREATE DATABASE prefect;
