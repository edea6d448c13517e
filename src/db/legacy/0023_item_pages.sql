-- Items are read in pages: the first ones of a task, or those after one. No update changes the columns, so updates stay HOT.
create index task_item_in_order on task_item (task_id, position);
