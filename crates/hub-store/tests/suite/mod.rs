//! One suite for both databases: each test runs on SQLite and on PostgreSQL.

mod audit;
mod carry;
mod changes;
mod claims;
mod condemned;
mod crash;
mod devices;
mod fixture;
mod groups;
mod migrations;
mod nodes;
mod queues;
mod records;
mod scopes;
mod states;
